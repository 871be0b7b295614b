"""Settings and states that jump from one step to the next: the learning rate, a resume."""

from dataclasses import replace

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import by_layer, enough
from newllm.diagnosis.losses import comparable, finite, loss_names
from newllm.diagnosis.schedule import HIGHER, LOW, is_restart, is_stair, jumps
from newllm.messages import Message, message
from newllm.trace import Finding, Series, Trace, same_steps

# A learning rate that jumps up, or starts its schedule again, where no plan would.
FROM_NOTHING = 1e-3  # of what it jumps to: where a warm-up begins
STILL_HIGH = 0.9  # likewise: what falls back from so high did not decay
FALLEN = 0.5  # of the highest rate so far
AGAIN = 5  # points of the first schedule that come again
SKIPPED = 2  # points of it: who builds a schedule anew may step it before the first update
DONE = 0.05  # of the highest rate: a schedule that has come down so far is over
WORSE = 1.2  # times the loss before
LATE = 10  # such a part of the run is its end
BRIEF = 3  # a rate that is back within such a part of the run was changed for a while only
LOWER, EVEN = 0.7, 0.9  # of what it was: a fall, and a part of a schedule that goes on
RETURNED = 1.2  # times what it was before


def detect_rate_jump(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the unplanned jumps of the learning rate.

    False alarms: a planned restart comes when the rate is down to its low, and planned ones come more than once; step
    decay only falls; warm-up rises evenly, or from nothing in few steps. None of these counts. But a schedule that is
    back at its high where the training was resumed has lost its own state, and one that falls and rises by one step
    each was never a restart.
    """
    series = trace.series("learning_rate")
    rate = series.value
    if len(rate) < 10 or not np.isfinite(rate).all() or rate.max() <= 0 or is_stair(series):
        return []
    if not loss_names(trace) and any(remark.sentence.id == "remark-no-steps" for remark in trace.remarks):
        return []  # a table of trials that lists their rates is no schedule
    resumed = {step + 1 for step in facts.resumed}
    rises = [
        jump
        for jump in jumps(trace)
        if jump.index > 2
        and (jump.step in resumed or not is_restart(trace, jump))
        and not _warms_up(series, jump.index)
    ]
    again = [at for at in _starts_again(trace) if at not in {jump.index for jump in rises}]
    places = sorted([jump.index for jump in rises] + again)
    dip = _dip(rate)
    if dip is not None and places in ([], [dip[1]]):
        at, back = dip
        return [_rate_jump(trace, series, at, again=False, resumed=False, back=int(series.step[back]))]
    if not places or _planned(places):
        return []
    at = places[0]
    return [_rate_jump(trace, series, at, at in again or _same_start(rate, at), int(series.step[at]) in resumed)]


def _warms_up(series: Series, at: int) -> bool:
    """Whether a rate has only risen up to a jump, from next to nothing: a warm-up in few steps, as by epochs.

    One that comes back at once, or that had been at rest for longer than it took to get there, was warmed up before.
    """
    rate = series.value
    if rate[0] > FROM_NOTHING * rate[at] or np.diff(rate[: at + 1]).min() < 0:
        return False
    back = _back(series, at)
    if back is not None and rate[np.searchsorted(series.step, back) - 1] >= STILL_HIGH * rate[at]:
        return False
    changes = np.flatnonzero(np.diff(rate[:at]))
    rests_since = int(changes[-1]) + 1 if len(changes) else 0
    return rests_since == 0 or at - rests_since <= rests_since


def _dip(rate: np.ndarray) -> tuple[int, int] | None:
    """Return where a rate is lower for a while, from one point to the next and back, if it is once: twice is a plan."""
    falls = 2 + np.flatnonzero((rate[2:] <= LOWER * rate[1:-1]) & (rate[1:-1] > EVEN * rate[:-2]))
    rises = 1 + np.flatnonzero(rate[:-1] <= LOWER * rate[1:])
    found = [(int(at), int(later[0])) for at in falls if len(later := rises[rises > at])]
    if len(found) != 1:
        return None
    at, back = found[0]
    returns = FALLEN * rate[at - 1] <= rate[back] <= rate[at - 1]
    is_brief = back - at <= len(rate) // BRIEF
    # A rate of nothing is a finding of its own.
    return (at, back) if returns and is_brief and rate[at:back].min() > 0 else None


def _back(series: Series, at: int) -> int | None:
    """Return the step at which the rate falls back to what it was before the jump, None where it does not do so soon.

    It falls from one point to the next: a schedule that begins anew falls little by little.
    """
    soon = series.value[at : at + max(AGAIN, len(series.value) // BRIEF)]
    near = np.flatnonzero(soon <= RETURNED * series.value[at - 1])
    if not len(near) or soon[near[0] - 1] < 0.5 * soon[0]:
        return None
    return int(series.step[at + near[0]])


def _starts_again(trace: Trace) -> list[int]:
    """Return where the rate falls back to its first values and rises through them again (a warm-up, once more).

    Where it had come down to its low, as a planned restart does, only if the loss ends above what it was there.
    """
    series = trace.series("learning_rate")
    rate = series.value
    falls = np.flatnonzero(rate[1:] < 0.7 * rate[:-1]) + 1
    return [
        int(at)
        for at in falls
        if _same_start(rate, int(at))
        and (
            rate[at - 1] > LOW * rate.max()
            or (rate[at - 1] > DONE * rate.max() and _ends_above(trace, float(series.step[at])))
        )
    ]


def _ends_above(trace: Trace, step: float) -> bool:
    """Whether the loss of the last tenth is well above that just before a step."""
    loss = finite(trace.series("loss"))
    before, behind = loss.value[loss.step < step], loss.value[loss.step >= step]
    few = max(AGAIN, len(loss.value) // LATE)
    return (
        len(before) >= few and len(behind) >= few and bool(np.median(behind[-few:]) > WORSE * np.median(before[-few:]))
    )


def _same_start(rate: np.ndarray, at: int) -> bool:
    """Whether a rate (n,) begins at a point as at first; a warm-up may leave out its first step or two."""
    warms_up = len(rate) >= AGAIN and bool(np.all(np.diff(rate[:AGAIN]) > 0))
    return any(_alike(rate[skipped:], rate[at:], at - skipped) for skipped in range(SKIPPED + 1 if warms_up else 1))


def _alike(first: np.ndarray, again: np.ndarray, longest: int) -> bool:
    count = min(len(again), longest, 20)
    return count >= AGAIN and bool(np.ptp(first[:count]) > 0 and np.allclose(first[:count], again[:count], rtol=1e-3))


def _planned(places: list[int]) -> bool:
    gaps = np.diff(places)
    return len(places) >= 3 and bool(gaps.max() <= 1.2 * gaps.min())


def _rate_jump(trace: Trace, series: Series, at: int, again: bool, resumed: bool, back: int | None = None) -> Finding:
    before, after, step = float(series.value[at - 1]), float(series.value[at]), int(series.step[at])
    is_lower = after < before and back is not None
    back = _back(series, at) if back is None and not again else back
    highest = float(series.value[:at].max())
    # A schedule that begins anew had fallen before, and does not go where no schedule of this run has been.
    begins_anew = again or (before <= FALLEN * highest and after <= HIGHER * highest)
    return Finding(
        kind="learning-rate-jump",
        severity="warning",
        sentence=message(
            f"finding-learning-rate-jump.{'lower' if is_lower else 'sentence'}",
            before=before,
            after=after,
            factor=after / before if after > before > 0 or is_lower else None,
            axis=trace.axis,
            step=step,
            again=again,
            back=back,
            resumed=resumed,
        ),
        first_step=float(step),
        last_step=float(step if back is None else back),
        confidence=0.95 if again else 0.85,
        signal="learning_rate",
        evidence={"before": before, "after": after, "starts_again": again}
        | ({} if back is None else {"recovered_step": back}),
        alternatives=(message("finding-learning-rate-jump.planned"), message("finding-learning-rate-jump.by-hand")),
        test=message("finding-learning-rate-jump.test"),
        candidate_causes=("schedule-restarted", "learning-rate")[int(not begins_anew or back is not None) :],
    )


# A resume that the signals show: several of them jump at one and the same step.
JUMP_NOISE = 6.0
LEAST_LOSS = 0.15  # on the log scale
LEAST_UPDATE = 0.5  # on the log scale, in the median layer
FEWEST_SAMPLES = 12  # sampled steps
BREAK = 20.0  # times the usual step time


def detect_resume(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the jump of a resume.

    Where the log has a gap or the clock a break, one jump is enough; elsewhere the updates must jump for most layers at
    once (lost moments), which no batch does to a steady run. False alarms: each jump is held against `JUMP_NOISE` times
    the usual change from sample to sample of the same signal. A recording knows its resumes, and what changes moments:
    a slow step there is that of a busy machine. It also knows that the optimizer held nothing there, though it keeps a
    state: then no jump is needed.
    """
    missing = trace.series("moments_missing").step
    if len(missing):
        step = int(missing[0])
        rates = any(abs(one.step - step) <= 1 for one in jumps(trace))
        sentence = message("finding-resume-jump.anew", axis=trace.axis, step=step, rate_jumps=rates)
        found = _resumed(trace, sentence, step, {"moments_missing": True, "learning_rate_jumps": rates})
        on_purpose = (message("finding-resume-jump.on-purpose"),)
        return [replace(found, confidence=0.97, alternatives=on_purpose, candidate_causes=("moments-lost",))]
    is_watched = facts.origin == "record" and "ledger_share" in trace.signals
    places = [step + 1 for step in facts.resumed] if is_watched else _breaks(trace)
    if is_watched and not places:
        return []
    resumed = {step + 1 for step in facts.resumed}
    for step in places:
        found = _at_break(trace, step, is_resumed=step in resumed)
        if found:
            return [found]
    found = _updates(trace, facts)
    return [found] if found else []


def _breaks(trace: Trace) -> list[int]:
    """Return the steps before which the log has a gap or step time a break."""
    loss, seconds = trace.series("loss"), trace.series("step_seconds")
    if len(loss.step) < FEWEST_SAMPLES:
        return []
    gaps = np.diff(loss.step)
    usual = float(np.median(gaps))
    steps = [int(step) for step in loss.step[1:][gaps > 1.5 * usual]] if gaps.max() < 50 * usual else []
    if len(steps) > 3:
        steps = []  # an uneven log, not a resume
    if len(seconds.value) >= FEWEST_SAMPLES:
        missing = np.setdiff1d(loss.step[1:], seconds.step)
        steps += [int(step) for step in missing] if len(missing) <= 3 else []
        slow = seconds.step[seconds.value > BREAK * np.median(seconds.value)]
        steps += [int(step) for step in slow[slow > loss.step[1]]] if len(slow) <= 3 else []
    return sorted(set(steps))


def _at_break(trace: Trace, step: int, *, is_resumed: bool) -> Finding | None:
    """Return a finding where the loss or the learning rate jumps across a break."""
    loss = finite(trace.series("loss"))
    at = int(np.searchsorted(loss.step, step))
    before, after = loss.value[max(0, at - 10) : at], loss.value[at : at + 5]
    if len(before) < 5 or len(after) < 3:
        return None
    scaled = comparable(np.concatenate([before, after]))
    jump = float(np.median(scaled[len(before) :]) - np.median(scaled[: len(before)]))
    # 0.55: the noise of a median of ten points less that of five, in standard deviations of a point.
    noise = float(1.4826 * np.median(np.abs(np.diff(scaled[: len(before)]))) / np.sqrt(2))
    rates = [one for one in jumps(trace) if abs(one.step - step) <= 1]
    if jump < max(LEAST_LOSS, 0.55 * JUMP_NOISE * noise) and not rates:
        return None
    evidence = {"log_jump": jump, "noise": noise, "learning_rate_jumps": bool(rates)}
    gaps = np.diff(loss.step)
    is_gap = gaps[at - 1] > 1.5 * np.median(gaps)
    sentence = message(
        f"finding-resume-jump.{'sentence' if is_gap else 'resumed' if is_resumed else 'paused'}",
        axis=trace.axis,
        step=step,
        rate_jumps=bool(rates),
        rise=float(np.exp(jump) - 1),
    )
    return _resumed(trace, sentence, step, evidence)


def _updates(trace: Trace, facts: Facts) -> Finding | None:
    """Return a finding where the updates of most layers jump at one sampled step and settle again."""
    layers = {name: one for name, one in by_layer(trace, "update_ratio", facts).items() if enough(one, FEWEST_SAMPLES)}
    if len(layers) < 2 or not same_steps(list(layers.values())):
        return None
    steps = next(iter(layers.values())).step
    logs = np.log(np.maximum([one.value for one in layers.values()], 1e-30))  # (layers, samples)
    risen = logs - _level(logs)
    rise = np.median(risen, axis=0)
    rise -= _rate_change(trace, steps)
    usual = float(1.4826 * np.median(np.abs(rise[4:] - np.median(rise[4:]))))
    start = 4 + len(rise) // 10
    at = start + int(np.argmax(rise[start:]))
    others = np.delete(rise, range(max(0, at - 1), min(len(rise), at + 3)))[4:]
    if rise[at] < max(LEAST_UPDATE, JUMP_NOISE * usual, 2 * float(others.max(initial=0.0))):
        return None
    share = float(np.mean(risen[:, at] > LEAST_UPDATE / 2))
    step = int(steps[at])
    if share < 0.6 or _gradient_rose(trace, step):
        return None
    evidence = {"log_update_jump": float(rise[at]), "usual": usual, "share_of_layers": share}
    times = float(np.exp(rise[at]))
    sentence = message("finding-resume-jump.updates", share=share, times=times, axis=trace.axis, step=step)
    return _resumed(trace, sentence, step, evidence)


def _level(logs: np.ndarray) -> np.ndarray:
    """Return the median of the four samples before each (layers, samples); the first four are their own."""
    level = logs.copy()
    count = max(0, logs.shape[1] - 4)
    a, b, c, d = (logs[:, at : at + count] for at in range(4))
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    level[:, 4:] = (low + high) / 2
    return level


def _rate_change(trace: Trace, steps: np.ndarray) -> np.ndarray:
    """Return by how much (log scale) the learning rate explains each change of the updates."""
    rate = finite(trace.series("learning_rate"))
    if not len(rate.value) or rate.value.min() <= 0:
        return np.zeros(len(steps))
    logs = np.log(np.interp(steps, rate.step, rate.value))[None]
    return (logs - _level(logs))[0]


def _gradient_rose(trace: Trace, step: int) -> bool:
    """Whether the gradient itself rose at the step, which would explain larger updates."""
    norm = finite(trace.series("gradient_norm"))
    at = int(np.searchsorted(norm.step, step))
    before = norm.value[max(0, at - 20) : max(0, at - 2)]
    near = norm.value[max(0, at - 2) : at + 1]
    return bool(len(before) and len(near) and np.median(near) > 2 * np.median(before))


def _resumed(trace: Trace, sentence: Message, step: int, evidence: dict[str, float | bool]) -> Finding:
    series: Series = trace.series("loss")
    return Finding(
        kind="resume-jump",
        severity="warning",
        sentence=sentence,
        first_step=float(step),
        last_step=float(step),
        confidence=0.8,
        signal="loss" if len(series.step) else None,
        evidence=dict(evidence),
        alternatives=(message("finding-resume-jump.other-data"), message("finding-resume-jump.by-hand")),
        test=message("finding-resume-jump.test"),
        candidate_causes=("moments-lost", "schedule-restarted", "data-order"),
    )
