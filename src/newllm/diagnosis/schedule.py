"""What the recorded learning rate says of the schedule: where it jumps, and whether it was meant to."""

from dataclasses import dataclass

import numpy as np

from newllm.trace import Series, Trace

LEAST_FACTOR = 1.5  # a rise by less is no jump
LOW = 0.15  # a planned restart comes when the rate is down to this share of what was its highest
HIGHER = 2.0  # times what was its highest: a planned restart does not go beyond
OFTEN, MOST = 0.2, 0.95  # of the points
DIP, HALF = 10, 0.5  # points; of a rise: a fall by so much so soon before it
STAIR = 5  # points on each step of a stair
FEWEST_CUTS = 4
ONE_RISE = 3.0  # times: a single rise by more is a jump


@dataclass(frozen=True)
class Jump:
    """A rise or fall of the learning rate from one point to the next.

    Attributes:
        step: the first step with the new rate.
        before, after: the rates.
        index: position in the series.
    """

    step: int
    before: float
    after: float
    index: int


@dataclass(frozen=True)
class Cuts:
    """A rate that is cut by one factor again and again to its end.

    Attributes:
        step: the first step behind the first cut.
        factor: what a cut leaves of the rate.
        every: steps from one cut to the next.
        count: how many there are.
    """

    step: int
    factor: float
    every: int
    count: int


def cuts(series: Series) -> Cuts | None:
    """Return the cuts of a rate that only they change, at least `FEWEST_CUTS` and at equal distances; else None."""
    rate = series.value
    at = np.flatnonzero(np.diff(rate)) + 1
    if len(at) < FEWEST_CUTS or rate.min() <= 0:
        return None
    factors, steps = rate[at] / rate[at - 1], series.step[at]
    apart = np.diff(steps)
    if (
        factors[0] > 1 / LEAST_FACTOR
        or not np.allclose(factors, factors[0], rtol=0.02)
        or np.ptp(apart) > 0.1 * apart[0]
    ):
        return None
    return Cuts(int(steps[0]), float(factors[0]), int(np.median(apart)), len(at))


def jumps(trace: Trace) -> list[Jump]:
    """Return the rises from one point to the next that are far larger than those around them (no warm-up slope).

    One soon after a fall by as much is the end of a dip. A rate that is scaled by the length of each batch (AWD-LSTM,
    Merity et al. 2017) goes up and down all along: there a jump is far larger than nearly all of these.
    """
    series = trace.series("learning_rate")
    rate = series.value
    if len(rate) < 5 or not np.isfinite(rate).all() or rate.max() <= 0:
        return []
    change = np.diff(rate)
    rises = change[change > 0]
    usual = float(np.median(rises)) if len(rises) > 4 else 0.0
    if min(len(rises), int((change < 0).sum())) > OFTEN * len(change):
        usual = float(np.quantile(np.abs(change), MOST))
    large = (change > 3 * usual) & (change > 0.1 * rate.max()) & (rate[1:] > LEAST_FACTOR * rate[:-1])
    return [
        Jump(int(series.step[at + 1]), float(rate[at]), float(rate[at + 1]), int(at + 1))
        for at in np.flatnonzero(large)
        if change[max(0, at - DIP) : at].min(initial=0.0) > -HALF * change[at]
    ]


def restarts(trace: Trace) -> list[int]:
    """Return the steps at which a schedule started again as planned: from its low, after a whole fall."""
    return [jump.step for jump in jumps(trace) if is_restart(trace, jump)]


def is_restart(trace: Trace, jump: Jump) -> bool:
    """Whether a jump leads back to where the rate was before it fell: what comes after the jump plays no part."""
    highest = float(np.max(trace.series("learning_rate").value[: jump.index], initial=0.0))
    return jump.index > 2 and jump.before <= LOW * highest and jump.after <= HIGHER * highest


def is_stair(series: Series) -> bool:
    """Whether a rate rises by equal steps with `STAIR` points on each, on to its second half: stepped too rarely."""
    change = np.diff(series.value)
    rises = np.flatnonzero(change > 0)
    if (
        not len(rises)
        or change.min() < 0
        or (len(rises) == 1 and series.value[-1] > ONE_RISE * series.value[0])
        or rises[-1] < len(change) // 2
        or rises[0] < STAIR - 1
    ):
        return False
    return bool(
        np.diff(rises).min(initial=len(change)) >= STAIR and np.allclose(change[rises], change[rises[0]], rtol=0.05)
    )
