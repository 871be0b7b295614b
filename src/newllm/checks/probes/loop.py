"""The loop's own step: its order, the mode that it trains in, what it freezes by hand, and the schedule."""

import itertools
import time
from typing import Any

import torch

from newllm.checks.bench import Bench, names
from newllm.checks.feed import is_distributed
from newllm.checks.kept import put_back
from newllm.checks.loop import Call, calls, schedule_of
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong

_LONGEST = 1.0  # seconds for a schedule
_NOTHING = 1e-6  # of the largest rate
_IDLE = 0.1  # share of the run
_JUMP = 10.0  # times the highest rate before it
_BEGUN = 0.02  # of the run, and five steps: until then a warm-up may begin
_ALIKE = 3  # calls


def step_order(bench: Bench) -> Outcome:
    """See what becomes of the gradients between one update and the next."""
    found = calls(bench)
    updating = [call for call in found if call.updates]
    stale = [name for call in updating for name in call.stale]
    if stale:
        return wrong("step-order", "kept", calls=len(found), **names(list(dict.fromkeys(stale))))
    again = [name for call in updating for name in call.again]
    if again:
        return wrong("step-order", "again", calls=len(found), **names(list(dict.fromkeys(again))))
    if all(call.empty == call.updates for call in updating):
        late = any(call.arrives_late for call in updating)
        if late or not any(call.moved for call in updating):
            return wrong("step-order", "empty", calls=len(found), updates=sum(c.updates for c in updating), late=late)
    lost = _lost(updating)
    if lost:
        return wrong("step-order", "gone", calls=len(found), **names(lost))
    scaled = [call.scaled_after_update for call in updating]
    if all(each is not None for each in scaled):
        return wrong("step-order", "late", factor=scaled[0], calls=len(found))
    if all(call.idle_clips == call.clips > 0 for call in updating):
        return wrong("step-order", "early", calls=len(found))
    return sound("step-order", calls=len(found), updates=sum(call.updates for call in found))


def _lost(updating: list[Call]) -> list[str]:
    """Return what was given a gradient and had none at the update: all of it each time, or what moved before."""
    if all(call.without_gradient and not call.moved for call in updating):
        return updating[0].without_gradient
    moved = set[str]().union(*(call.moved for call in updating))
    last = updating[-_ALIKE:]
    return [
        name
        for name in last[-1].without_gradient
        if name in moved and all(name in call.without_gradient for call in last)
    ]


def step_mode(bench: Bench) -> Outcome:
    """See whether what gets a gradient was computed in training mode."""
    found = calls(bench)
    still = [(at, call.evaluating) for at, call in enumerate(found, 1) if call.updates and call.evaluating]
    if still:
        at, layers = still[0]
        return wrong("step-mode", call=at, calls=len(found), **names(list(dict.fromkeys(layers))))
    if not any(module.training for module in bench.model.modules() if not list(module.children())):
        raise CannotCheck("all-in-evaluation")
    return sound("step-mode", calls=len(found))


def step_frozen(bench: Bench) -> Outcome:
    """Where the loop sets numbers of a gradient to zero each time, see whether these numbers stay."""
    found = [call for call in calls(bench) if call.updates]
    always = set(found[0].cleared).intersection(*(call.cleared for call in found))
    alike = [name for name in always if all(torch.equal(c.cleared[name], found[0].cleared[name]) for c in found)]
    if len(found) < _ALIKE or not alike:
        raise CannotCheck("nothing-cleared")
    for name in alike:
        if all(call.cleared_moved[name] for call in found):
            cleared, moved = int(found[-1].cleared[name].sum()), found[-1].cleared_moved[name]
            return wrong("step-frozen", name=name, cleared=cleared, moved=moved, calls=len(found))
    return sound("step-frozen", count=len(alike), calls=len(found))


def schedule(bench: Bench) -> Outcome:
    """See how often the schedule is stepped, and which rates it gives over the planned updates."""
    found = bench.once(schedule_of)
    if found is None:
        raise CannotCheck("no-schedule")
    if getattr(found, "optimizer", bench.optimizer) is not bench.optimizer:
        return wrong("schedule", "other-optimizer")
    every = bench.parts.every
    if bench.parts.step is not None:
        updating = [call for call in calls(bench) if call.updates]
        turns = [call.schedule / call.updates for call in updating]
        if len(turns) > 1 and min(turns) > 1 and not _is_shared(bench):
            return wrong("schedule", "often", turns=min(turns), calls=len(turns))
        if updating and updating[0].first_rate != updating[0].rate and updating[0].schedule:
            raise CannotCheck("schedule-first", first=updating[0].first_rate)
        every = 1 if len(turns) > 1 and min(turns) == 1 == max(turns) else every
    if bench.parts.steps is None:
        if bench.parts.step is not None and every == 1:
            return sound("schedule", planned=0, first=0.0, peak=0.0, last=0.0)
        raise CannotCheck("no-steps")
    if hasattr(found, "num_bad_epochs"):
        raise CannotCheck("measured-schedule")
    return _over(bench, found, every)


def _over(bench: Bench, found: Any, every: int | None) -> Outcome:
    planned = max(1, (bench.parts.steps or 0) // (every or 1))
    ends, rates, error = time.thread_time() + _LONGEST, [], None  # a busy machine is no long schedule
    with put_back(found, besides=(bench.optimizer, bench.model)), bench.untouched():
        for group, rate in zip(bench.optimizer.param_groups, found.get_last_lr(), strict=False):
            group["lr"] = rate
        for _ in range(planned):
            rates.append(max(float(group["lr"]) for group in bench.optimizer.param_groups))
            if time.thread_time() > ends:
                raise CannotCheck("long-schedule", count=planned)
            try:
                found.step()
            except ValueError as raised:  # as a schedule of so many steps when there are more
                error = raised
                break
    at = len(rates) - 1  # steps that it took
    evidence = {"planned": planned, "first": rates[0], "peak": max(rates), "last": rates[-1]}
    if error is not None and at < planned - 1:
        outcome = wrong("schedule", "raises", at=at, **evidence)
    else:
        outcome = _judged(found, rates, evidence)
    if outcome.status == "wrong" and every is None:
        if jump := _jump(rates):
            raise CannotCheck("schedule-jumps", planned=planned, **jump)
        raise CannotCheck("schedule-per-epoch", planned=planned, first=rates[0], last=rates[-1])
    return outcome


def _judged(found: Any, rates: list[float], evidence: dict[str, Any]) -> Outcome:
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
