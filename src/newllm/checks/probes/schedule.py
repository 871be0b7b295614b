"""The schedule of the learning rate: how often it is stepped, and the rates that it gives over the planned updates."""

import itertools
import time
from typing import Any

from newllm.checks.bench import Bench
from newllm.checks.feed import is_distributed, length_of
from newllm.checks.kept import put_back
from newllm.checks.loop import calls, schedule_of
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong

_LONGEST = 1.0  # seconds for a schedule
_NOTHING = 1e-6  # of the largest rate
_IDLE = 0.1  # share of the run
_JUMP = 10.0  # times the highest rate before it
_BEGUN = 0.02  # of the run, and five steps: until then a warm-up may begin
_SHORT = 0.05  # of a schedule's steps that the training takes, or of the training that the schedule takes
_ABOUT = 0.1  # of a number: it may have been rounded, or be without a warm-up
_ROUNDED = 1e-30  # a rate: what shrinks by a factor comes to zero by rounding alone, from less
_FEWEST = 5  # epochs: a warm-up of fewer updates has as many by chance
_FELL = 0.5  # of the highest rate


def schedule(bench: Bench) -> Outcome:
    """See how often the schedule is stepped, and which rates it gives over the planned updates."""
    found = bench.once(schedule_of)
    if found is None:
        raise CannotCheck("no-schedule")
    if getattr(found, "optimizer", bench.optimizer) is not bench.optimizer:
        return wrong("schedule", "other-optimizer")
    if bench.parts.per_epoch:
        return _per_epoch(bench, found)
    every, epoch = bench.parts.every, bench.parts.epoch
    if bench.parts.step is not None:
        updating = [call for call in calls(bench) if call.updates]
        turns = [call.schedule / call.updates for call in updating]
        if len(turns) > 1 and min(turns) > 1 and not _is_shared(bench):
            return wrong("schedule", "often", turns=min(turns), calls=len(turns))
        if updating and updating[0].first_rate != updating[0].rate and updating[0].schedule:
            raise CannotCheck("schedule-first", first=updating[0].first_rate)
        every = 1 if len(turns) > 1 and min(turns) == 1 == max(turns) else every
        epoch = epoch or _updates_of_epoch(bench)
    if bench.parts.steps is None:
        if bench.parts.step is not None and every == 1:
            return sound("schedule", planned=0, first=0.0, peak=0.0, last=0.0)
        raise CannotCheck("no-steps")
    if hasattr(found, "num_bad_epochs"):
        raise CannotCheck("measured-schedule")
    return _per_update(bench, found, every, epoch)


def _updates_of_epoch(bench: Bench) -> int | None:
    """Return how many updates an epoch has where each call of the step, with one batch of the loader, makes one."""
    return length_of(bench.parts.loader) if all(call.updates == 1 for call in calls(bench)) else None


def _per_update(bench: Bench, found: Any, every: int | None, epoch: int | None) -> Outcome:
    """Judge a schedule that is stepped each so many updates, or nobody knows when."""
    steps = bench.parts.steps or 0
    planned = max(1, steps // (every or 1))
    rates, ended = _rates(bench, found, planned)
    evidence = {"planned": planned, "first": rates[0], "peak": max(rates), "last": rates[-1]}
    if every == 1 and epoch and (over := _over(found, rates, planned, round(steps / epoch))):
        return wrong("schedule", "over", **over, **evidence)
    outcome = _judged(found, rates, ended, evidence)
    if outcome.status == "wrong" and every is None:
        if jump := _jump(rates):
            raise CannotCheck("schedule-jumps", planned=planned, **jump)
        raise CannotCheck("schedule-per-epoch", planned=planned, first=rates[0], last=rates[-1])
    return outcome


def _over(found: Any, rates: list[float], planned: int, epochs: int) -> dict[str, Any] | None:
    """Return what shows that a schedule made for the training's epochs is stepped at its updates; None if none does.

    It has as many steps as the training has epochs, which are few among its updates, and lets the rate fall.
    """
    span = _span(found)
    if span is None or span > _SHORT * planned or epochs < _FEWEST or span >= len(rates):
        return None
    fewest = 0.5 if hasattr(found, "milestones") else 1 - _ABOUT  # the last fall may come well before the end
    fits = fewest * epochs <= span <= (1 + _ABOUT) * epochs
    return {"span": span, "epochs": epochs, "to": rates[span]} if fits and rates[span] <= _FELL * max(rates) else None


def _per_epoch(bench: Bench, found: Any) -> Outcome:
    """Judge a schedule that is stepped at the ends of epochs.

    One that has as many steps as the training has updates hardly begins; of another that hardly begins, the training
    may be only a part of what was meant.
    """
    if hasattr(found, "num_bad_epochs"):
        raise CannotCheck("measured-schedule")
    epoch, steps = bench.parts.epoch, bench.parts.steps
    if epoch is None:
        raise CannotCheck("epoch-unknown")
    if steps is None:
        raise CannotCheck("no-steps")
    planned = max(1, steps // ((bench.parts.every or 1) * epoch))
    rates, ended = _rates(bench, found, planned)
    evidence = {"planned": planned, "first": rates[0], "peak": max(rates), "last": rates[-1]}
    span = _span(found) or _zero_at(bench, found, steps)
    is_short = span is not None and planned < _SHORT * span
    totals = [steps, (length_of(bench.parts.loader) or 0) * (steps // epoch)]  # updates, or batches
    if span is not None and is_short and any(abs(span - total) <= _ABOUT * total for total in totals):
        return wrong("schedule", "barely", span=span, updates=steps, **evidence)
    outcome = _judged(found, rates, ended, evidence)
    if outcome.status == "sound" and is_short:
        raise CannotCheck("schedule-short", span=span, **evidence)
    return outcome


def _span(found: Any) -> int | None:
    """Return after how many steps a schedule is over, where it says so and has not begun; it may restart for ever."""
    if getattr(found, "last_epoch", 0) > 0:
        return None
    if ends := getattr(found, "_milestones", None):  # of schedules that follow one another
        last = _span(found._schedulers[-1])
        return None if last is None else ends[-1] + last
    if milestones := getattr(found, "milestones", None):
        return max(milestones)
    names = ("T_max", "total_steps") + (("total_iters",) if type(found).__name__ != "ConstantLR" else ())
    return next((int(value) for name in names if (value := getattr(found, name, None))), None)


def _zero_at(bench: Bench, found: Any, steps: int) -> int | None:
    """Return the step at which a schedule that does not say its span comes to zero, where that is about the last."""
    try:
        rates, _ = _rates(bench, found, round((1 + _ABOUT) * steps) + 1)
    except CannotCheck:
        return None
    at = next((at for at, rate in enumerate(rates) if at and rate <= 0), 0)
    return at if at >= (1 - _ABOUT) * steps and rates[at - 1] > _ROUNDED else None


def _rates(bench: Bench, found: Any, planned: int) -> tuple[list[float], bool]:
    """Return the rates of so many steps of a schedule, and whether it ended before them with an error."""
    ends, rates = time.thread_time() + _LONGEST, []  # a busy machine is no long schedule
    with put_back(found, besides=(bench.optimizer, bench.model)), bench.untouched():
        for group, rate in zip(bench.optimizer.param_groups, found.get_last_lr(), strict=False):
            group["lr"] = rate
        for _ in range(planned):
            rates.append(max(float(group["lr"]) for group in bench.optimizer.param_groups))
            if time.thread_time() > ends:
                raise CannotCheck("long-schedule", count=planned)
            try:
                found.step()
            except ValueError:  # as a schedule of so many steps when there are more
                return rates, len(rates) < planned
    return rates, False


def _judged(found: Any, rates: list[float], ended: bool, evidence: dict[str, Any]) -> Outcome:
    if ended:
        return wrong("schedule", "raises", at=len(rates) - 1, **evidence)  # steps that it took
    peak = max(rates)
    idle = sum(1 for _ in itertools.takewhile(lambda rate: rate <= _NOTHING * peak, reversed(rates)))
    if idle > _IDLE * len(rates) and idle > 1:
        return wrong("schedule", "idle", at=len(rates) - idle, **evidence)
    if len(rates) > 2 and all(one < other for one, other in itertools.pairwise(rates)) and rates[-1] > 1.5 * rates[0]:
        return wrong("schedule", "rising", **evidence)
    if jump := _jump(rates):
        return wrong("schedule", "jumps", **jump, **evidence)
    least = min(range(len(rates)), key=rates.__getitem__)
    falls_and_rises = least < (1 - _IDLE) * len(rates) and rates[-1] - rates[least] > _IDLE * peak
    if type(found).__name__ == "CosineAnnealingLR" and falls_and_rises:
        return wrong("schedule", "turns", at=least, **evidence)
    return sound("schedule", **evidence)


def _jump(rates: list[float]) -> dict[str, Any]:
    """Return where the rate becomes many times what it ever was, at once, after a warm-up has begun; or nothing."""
    highest = list(itertools.accumulate(rates, max))
    for at in range(max(5, round(_BEGUN * len(rates))), len(rates)):
        if rates[at] > _JUMP * highest[at - 1] > 0:
            return {"at": at, "to": rates[at], "times": rates[at] / highest[at - 1]}
    return {}


def _is_shared(bench: Bench) -> bool:
    """Say whether the schedule is stepped for several processes, as accelerate does on purpose."""
    held = type(bench.parts.scheduler).__name__
    return "Accelerate" in held or is_distributed()
