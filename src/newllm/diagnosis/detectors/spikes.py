"""Losses that leave their trend and come back, or not: spikes, divergence, drops."""

import math

import numpy as np

from newllm.diagnosis.excursion import SHORT, Excursion, find_excursions
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import comparable, finite, is_balanced, is_validation, loss_names, rolling_median
from newllm.diagnosis.schedule import jumps, restarts
from newllm.diagnosis.two_levels import two_levels
from newllm.messages import Message, message
from newllm.trace import Finding, Series, Trace

# Loss spikes, and what became of them: recovered, a new plateau, or diverged.
MOST_SPIKES = 3  # so many spikes of a signal are told one by one, the largest
STEADY = 1.15  # between the largest and the smallest growth of intervals that count as equal
DIVERGED = 0.5  # share of the height still there at the end of the run
HOME, BEHIND = 0.15, 20  # of the height and of the level before, and points: behind it a loss is back, or not quite
FEWEST_BEHIND = 3  # points, from where a rise begins: of fewer nobody can say what becomes of it
BACK = 0.5  # largest share of the rise, on the comparable scale, that is still there where a spike has ended

_ENDING = 3  # points that tell the level at the end of a spike
ANEW, ALIKE = 5, 0.1  # points of the first curve, and of the whole range
USUAL, AS_HIGH, BESIDE = 0.7, 2, 2  # of the rise, so many points, and the points on each side that they stand out of
PART = 1 / 3  # of the rise, where a point stands out as far by ratio
VERY_FEW, LARGE, SURE = 16, 0.6, 15.0  # points; a rise to 1.8 times; times the noise: what so few points tell
FAR = 1.0  # a rise to 2.7 times: no evaluation scatters so far
FEW_BEFORE = 6  # points before a rise: of a short log too few to know how its loss scatters there
UNITS = 3.0  # of the last printed digit: less is its rounding
SHORT_BATCH, MOSTLY = 0.5, 0.8  # of the usual rows; of the points
SUDDEN = 3  # points from where a rise begins to its peak
AT_RESUME = 2  # points: so near a resume a spike is what came of it


def detect_spikes(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the spikes of each loss.

    False alarms: an excursion counts (excursion.py) only where the tail of the run's own noise would throw fewer than
    `excursion.ALARMS` like it in the whole run. A schedule that restarts the learning rate makes a bump at each
    restart: bumps at steady intervals, or where the recorded learning rate starts again from its low, are noted, not
    warned of. A mean over a few rows scatters more than one over many: batches of less than half of the usual rows
    are left out.
    """
    findings: list[Finding] = []
    for name in loss_names(trace):
        series = _of_whole_batches(trace, name)
        unit = 10.0 ** -trace.decimals[name] if name in trace.decimals else 0.0
        spikes = [
            one
            for one in find_excursions(series.value)
            if one.height >= UNITS * unit and not _crept(name, series, one) and not _is_a_level(series.value, one)
        ]
        scheduled = regular(spikes) and all(one.end < len(series.value) for one in spikes)
        if not scheduled:
            spikes = [one for one in spikes if not _is_usual(series, one, spikes)]
            spikes = [one for one in spikes if not _is_lone(trace, name, series, one)]
        large = sorted(spikes, key=lambda one: -one.rise)[:MOST_SPIKES]
        for one in sorted(large, key=lambda one: one.onset):
            planned = _at_restart(trace, series, one) or _begins_anew(trace, series.value, one)
            expected = "yes" if planned or (scheduled and _may_restart(trace)) else "regular" if scheduled else "no"
            findings.append(_spike(trace, name, series, one, len(spikes), expected))
    return findings


def _of_whole_batches(trace: Trace, name: str) -> Series:
    """Return the finite points of a loss; of training without those of short batches, such as the last of an epoch."""
    series, rows = finite(trace.series(name)), trace.series("rows")
    if is_validation(name) or not len(rows.value):
        return series
    short = rows.step[rows.value < SHORT_BATCH * np.median(rows.value)]
    kept = ~np.isin(series.step, short)
    return Series(series.step[kept], series.value[kept]) if kept.mean() >= MOSTLY else series


def _is_a_level(value: np.ndarray, excursion: Excursion) -> bool:
    """Whether a loss (n,) lies at two levels since before: it comes back from each of them again and again."""
    levels = two_levels(value)
    return levels is not None and excursion.end > levels.first


def _may_restart(trace: Trace) -> bool:
    """Whether a schedule may have started again: its rate rises somewhere behind its highest, or nobody knows it."""
    rate = finite(trace.series("learning_rate")).value
    return not len(rate) or bool((np.diff(rate[int(np.argmax(rate)) :]) > 0).any())


def _crept(name: str, series: Series, excursion: Excursion) -> bool:
    """Whether a validation loss rose bit by bit and stayed up: over-fitting, which is reported as that."""
    way = comparable(series.value)[max(0, excursion.onset - 1) : excursion.peak + 1]
    steepest = float(np.diff(way).max(initial=0.0))
    return is_validation(name) and excursion.end == len(series.value) and steepest < 0.5 * excursion.rise


def _begins_anew(trace: Trace, value: np.ndarray, excursion: Excursion) -> bool:
    """Whether, in a log (n,) that counts no steps, a rise begins another training: the first curve comes again.

    Layers that are trained one after the other, folds, or a file that a second run was added to.
    """
    if not any(remark.sentence.id == "remark-no-steps" for remark in trace.remarks):
        return False
    again, first = value[excursion.peak :][:ANEW], value[:ANEW]
    return len(again) == ANEW and bool((np.abs(again - first) < ALIKE * np.ptp(value)).all()) and np.ptp(first) > 0


def _is_usual(series: Series, excursion: Excursion, spikes: list[Excursion]) -> bool:
    """Whether, of a loss with few points, others stand out as far as a spike that is over: a steady part was luck.

    Or whether it had risen as far from one point to the next before, outside of any spike; and of very few points, or
    behind very few, whether it is no large rise.
    """
    value = series.value
    if len(value) >= SHORT or outcome(series, excursion) != "recovered":
        return False
    calm = [at for at in range(1, excursion.onset) if not any(one.onset <= at <= one.end for one in spikes)]
    if any(value[at] - value[at - 1] >= excursion.height for at in calm):
        return True
    scaled, rise = comparable(value), value[excursion.peak] - excursion.base
    others = [at for at in range(BESIDE, len(value) - BESIDE) if not excursion.onset <= at <= excursion.end]
    far = sum(
        _stands_out(value, at) > USUAL * rise
        or (_stands_out(scaled, at) > USUAL * excursion.rise and _stands_out(value, at) > PART * rise)
        for at in others
    )
    is_little = len(value) < VERY_FEW or excursion.onset < FEW_BEFORE
    return far >= AS_HIGH or (is_little and excursion.rise < min(LARGE, SURE * excursion.noise))


def _is_lone(trace: Trace, name: str, series: Series, excursion: Excursion) -> bool:
    """Whether one evaluation of few stands out, not several times over, and training went on as if nothing had been.

    Statistics of batches make evaluations scatter so in sound trainings with a high learning rate; of so few points
    nobody can say how much. A training loss that leaves its way meanwhile, up or down, speaks for the spike.
    """
    value, at = series.value, excursion.peak
    is_one = excursion.end - excursion.onset == 1 and outcome(series, excursion) == "recovered"
    if not is_validation(name) or len(value) > VERY_FEW or not is_one or excursion.rise > FAR:
        return False
    training = finite(trace.series("loss"))
    scaled = comparable(training.value)
    before, since, until, behind = np.searchsorted(
        training.step, [series.step[max(0, at - 2)], series.step[at - 1], series.step[at], series.step[at + 1]], "right"
    )
    parts = [scaled[first:last] for first, last in ((before, since), (since, until), (until, behind))]
    if not all(len(part) for part in parts):
        return False
    way = rolling_median(parts[1], _ENDING)
    low, high = sorted((float(np.median(parts[0])), float(np.median(parts[2]))))
    return bool(max(way.max() - high, low - way.min()) < PART * excursion.rise)


def _stands_out(value: np.ndarray, at: int) -> float:
    """Return how far a point of (n,) lies above the lower of the points on each of its sides."""
    return float(value[at] - max(value[at - BESIDE : at].min(), value[at + 1 :][:BESIDE].min()))


def regular(spikes: list[Excursion]) -> bool:
    """Whether three or more spikes of like size come at intervals that are equal, or double, as cycles of a rate do."""
    if len(spikes) < 3:
        return False
    gaps = np.diff([one.onset for one in spikes]).astype(float)
    factors = gaps[1:] / gaps[:-1]
    rises = [one.rise for one in spikes]
    steady = factors.max() / factors.min() < STEADY and any(1 / STEADY < factors[0] / one < STEADY for one in (1, 2))
    return bool(steady and max(rises) < 4 * min(rises))


def outcome(series: Series, excursion: Excursion) -> str:
    """Return "recovered", "new plateau" or "diverged"; "at the end" where too few points follow to tell."""
    value = series.value
    if len(value) - excursion.onset < FEWEST_BEHIND and value[-1] > excursion.base:
        return "at the end"
    if excursion.end < len(value) and _is_back(value, excursion):
        return "recovered"
    tail = value[excursion.peak :]
    last = float(np.median(tail[-max(1, len(tail) // 4) :])) - excursion.base
    if len(tail) < 3 or last > DIVERGED * excursion.height:
        return "diverged"
    return "new plateau"


def _is_back(value: np.ndarray, excursion: Excursion) -> bool:
    """Whether a loss (n,) came back to where it was before; the level that a spike ends at may lie far above that."""
    base, peak, end = comparable(
        np.array([excursion.base, value[excursion.peak], np.median(value[excursion.end :][:_ENDING])])
    )
    return bool(end - base <= BACK * (peak - base))


def _at_restart(trace: Trace, series: Series, excursion: Excursion) -> bool:
    """Whether the spike is the bump of a learning rate that started again from its low, and healed."""
    onset = series.step[excursion.onset]
    near = 3 + excursion.width
    spacing = float(np.median(np.diff(series.step)))
    began = any(step - near * spacing <= onset <= step + 2 * near * spacing for step in restarts(trace))
    return began and outcome(series, excursion) == "recovered"


def _spike(trace: Trace, name: str, series: Series, excursion: Excursion, count: int, expected: str) -> Finding:
    step, value = series.step, series.value
    became = outcome(series, excursion)
    within = slice(excursion.onset, excursion.end)
    cost = float(np.sum(np.maximum(value[within] - excursion.base, 0.0) * _widths(step)[within]))
    first, last = float(step[excursion.onset]), float(step[excursion.end - 1])
    back = int(step[excursion.end]) if became == "recovered" else None
    level = float(np.median(value[excursion.end :][:BEHIND])) if back is not None else excursion.base
    home = excursion.base + HOME * min(excursion.height, abs(excursion.base))
    said = "partly" if level > home else became.replace(" ", "-")
    is_balance = is_balanced(value, float(value[excursion.peak]))
    resumed = _where_resumed(trace, step, excursion)
    is_expected = expected != "no" and not resumed
    evidence = {
        "base": excursion.base,
        "peak": float(value[excursion.peak]),
        "peak_step": int(step[excursion.peak]),
        "height": excursion.height,
        "log_ratio": excursion.rise,
        "noise": excursion.noise,
        "expected_by_chance": excursion.chance,
        f"cost_nats_x_{trace.axis}s": cost,
        "outcome": became,
        "recovered_step": back,
        "spikes_in_this_signal": count,
    }
    return Finding(
        kind="diverged" if became == "diverged" else "spike",
        severity="note" if is_expected or is_balance else "fault" if became == "diverged" else "warning",
        sentence=message(
            "finding-spike.sentence",
            signal=name,
            base=excursion.base,
            peak=float(value[excursion.peak]),
            axis=trace.axis,
            step=int(step[excursion.peak]),
            onset=int(first),
            sudden=excursion.peak - excursion.onset <= max(SUDDEN, 0.02 * len(value)),
            outcome=said,
            back=back,
            level=level,
            cost=cost,
            scheduled="resumed" if resumed else expected,
        ),
        first_step=first,
        last_step=last,
        confidence=_confidence(excursion),
        signal=name,
        evidence=evidence,
        alternatives=((message("finding-spike.balance"),) if is_balance else ())
        + _alternatives(name, excursion, resumed=resumed),
        test=message("finding-resume-jump.test" if resumed else "finding-spike.test"),
        candidate_causes=("moments-lost", "schedule-restarted", "data-order") if resumed else (),
    )


def _where_resumed(trace: Trace, step: np.ndarray, excursion: Excursion) -> bool:
    """Whether a spike begins where the log goes over steps again."""
    near = step[max(0, excursion.onset - AT_RESUME) : excursion.onset + AT_RESUME + 1]
    return any(near[0] <= first <= near[-1] for first in trace.resumed)


def _confidence(excursion: Excursion) -> float:
    """Return how sure: by the noise's chance, and by the height over the smallest that counts."""
    sure = 1.0 - min(0.5, 10 * excursion.chance)
    return round(sure * (1 - math.exp(-3 * excursion.rise / 0.3)), 3)


def _alternatives(name: str, excursion: Excursion, *, resumed: bool = False) -> tuple[Message, ...]:
    data = message("finding-spike.harder-data")
    if resumed:
        return message("finding-spike.lost-at-resume"), data
    if is_validation(name):
        return message("finding-spike.other-evaluation"), data
    if excursion.end - excursion.onset <= 1:
        return message("finding-spike.single-batch"), data
    return data, message("finding-spike.changed-setting")


def _widths(step: np.ndarray) -> np.ndarray:
    """Return how many steps each point stands for."""
    gaps = np.diff(step, append=step[-1] + (step[-1] - step[-2]))
    return gaps.astype(float)


# A training loss that falls far below its trend and comes back: data that is too easy for a while.
LEAST_DROP = 0.3  # on the log scale
MOST_DROPS = 3  # with more dips than this the run is uneven
LONGEST_DROP = 0.2  # of the run
AT_A_JUMP = 0.02  # of the run
FIRST_POINTS = 5  # points; what falls from above them falls back from a rise
LEARNT, LOST = 0.5, 0.75  # of the loss at the start: the lowest, and what all later points lie above
SLOWLY = 5  # points: learning takes as many, and easy batches come at once


def detect_drops(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the dips of each training loss.

    False alarms: as for spikes, by the tail of the run's own noise, downwards; and it must come back, since a loss that
    falls for good is what training is for.
    """
    found: list[Finding] = []
    for name in loss_names(trace):
        series = _of_whole_batches(trace, name)
        if is_validation(name):
            continue
        spikes = find_excursions(series.value)
        dips = [one for one in find_excursions(series.value, sign=-1) if _came_back(one, spikes, series.value)]
        for one in dips if len(dips) <= MOST_DROPS else []:
            low = float(series.value[one.peak])
            first, last = int(series.step[one.onset]), int(series.step[one.end - 1])
            if _is_a_level(series.value, one):
                continue
            if one.rise < LEAST_DROP or one.base > float(np.median(series.value[:FIRST_POINTS])):
                continue
            if _is_lost(series.value, one):
                found.append(_lost(trace, name, series, one))
                continue
            if any(abs(jump.step - last) <= AT_A_JUMP * series.step[-1] for jump in jumps(trace)):
                continue  # the learning rate has ended it, not the data
            found.append(
                Finding(
                    kind="loss-drop",
                    # What is learnt comes by and by, easy batches at once. A batch may hold nothing to learn, and a
                    # few points say little.
                    severity="warning" if _comes_at_once(series.value, one) else "note",
                    sentence=message(
                        "finding-loss-drop.sentence",
                        signal=name,
                        base=one.base,
                        low=low,
                        axis=trace.axis,
                        lowest=int(series.step[one.peak]),
                        last=last,
                    ),
                    first_step=float(first),
                    last_step=float(last),
                    confidence=0.9,
                    signal=name,
                    evidence={"base": one.base, "low": low, "log_ratio": -one.rise, "expected_by_chance": one.chance},
                    alternatives=(message("finding-loss-drop.no-targets"), message("finding-loss-drop.seen-text")),
                    test=message("finding-loss-drop.test"),
                    candidate_causes=("repeated-text", "padding-counted", "data-order"),
                )
            )
    return found


def _comes_at_once(value: np.ndarray, dip: Excursion) -> bool:
    """Whether most of a dip of a loss (n,), of several points, is there at its first two."""
    half = (dip.base + value[dip.peak]) / 2
    return bool(dip.end - dip.onset > 1 and len(value) >= SHORT and value[dip.onset :][:2].min() <= half)


def _is_lost(value: np.ndarray, dip: Excursion) -> bool:
    """Whether a dip of a loss (n,) is all that was ever learnt: it comes early and little by little, and alone."""
    start, later = float(np.median(value[:FIRST_POINTS])), value[dip.end :]
    early = dip.end <= LONGEST_DROP * len(value) and dip.peak - dip.onset >= SLOWLY
    return early and value[dip.peak] < LEARNT * start and bool(np.mean(later > LOST * start) > 0.95)


def _lost(trace: Trace, name: str, series: Series, dip: Excursion) -> Finding:
    """Return a training that had begun to learn, and knows nothing since."""
    value, step = series.value, series.step
    start, now = float(np.median(value[:FIRST_POINTS])), float(np.median(value[-len(value) // 4 :]))
    low, lowest, end = float(value[dip.peak]), int(step[dip.peak]), int(step[dip.end - 1])
    highest = dip.peak + int(np.argmax(value[dip.peak :]))
    said = {"signal": name, "low": low, "lowest": lowest, "end": end, "now": now, "start": start, "axis": trace.axis}
    return Finding(
        kind="diverged",
        severity="fault",
        sentence=message("finding-diverged.lost", **said),
        first_step=float(lowest),
        last_step=float(series.step[-1]),
        confidence=0.9,
        signal=name,
        evidence={
            "base": low,
            "peak": float(value[highest]),
            "peak_step": int(step[highest]),
            "height": float(value[highest]) - low,
            "outcome": "diverged",
            "recovered_step": None,
            "after": now,
            "at_start": start,
        },
        alternatives=(message("finding-loss-drop.seen-text"),),
        test=message("finding-slow-divergence.test"),
        candidate_causes=("learning-rate",),
    )


def _came_back(excursion: Excursion, spikes: list[Excursion], value: np.ndarray) -> bool:
    """Whether a fall of a loss (n,) is over soon, is no pause of a spike, and on a short curve does not end in one.

    A trend that has come down meanwhile ends an excursion too: the loss itself has to be up again.
    """
    count = len(value)
    after = value[excursion.end :][: max(_ENDING, count // 50)]
    levels = comparable(np.array([excursion.base, value[excursion.peak], np.median(after)])) if len(after) else None
    if levels is None or levels[2] - levels[1] < BACK * (levels[0] - levels[1]):
        return False
    ended = excursion.end < count and excursion.end - excursion.onset <= max(3, LONGEST_DROP * count)
    if any(spike.onset <= excursion.onset <= spike.end for spike in spikes):
        return False
    followed = count < SHORT and any(
        spike.onset <= excursion.end + 1 and excursion.end <= spike.end for spike in spikes
    )
    return ended and not followed
