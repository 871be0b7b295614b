"""Every k-th batch is bad: a loss that is high again and again at equal distances."""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import comparable, finite, rolling_median
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

LONGEST = 64  # points between two
FEWEST = 8  # of them
MOST = 4096  # points, the last ones: what comes again and again comes there too
WIDTH = 15  # points of the trend that is taken away
HIGH = 4.0  # standard deviations: the median of the high points above that of the others
HITS = 0.8  # of them lie above nine tenths of the others
BACK = 4.0  # times what the loss scatters
COMES_AGAIN = 0.5  # correlation of the other phases from round to round
FAR = 6.0  # standard deviations of the other phases
CERTAIN = 15.0  # HIGH times the root of their number


def detect_periodic_batches(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the period at which the training loss is high.

    False alarms: many periods and phases are tried, and an epoch has a beginning that is like the last one's. So nearly
    all points of the phase must be high, by `HIGH` standard deviations and `CERTAIN` standard errors; the largest that
    chance gave on 160 healthy runs was 9. Where all batches come in the same order in each epoch, one of them is the
    hardest each time, and says that once. In a log, the first number of each epoch may be a sum of one batch more than
    the others, as where `batch > 0 and batch % interval == 0` prints and clears it: a note.
    """
    whole = finite(trace.series("loss"))
    loss = Series(whole.step[-MOST:], whole.value[-MOST:])
    if len(loss.value) < FEWEST * 3 or trace.axis != "step":
        return []
    if len(np.unique(np.diff(loss.step))) > 1 + len(loss.step) // 20:
        return []  # an uneven log has no period of its own
    scaled = comparable(loss.value)
    risen = scaled - rolling_median(scaled, WIDTH)
    spread = 1.4826 * float(np.median(np.abs(risen - np.median(risen))))
    if spread <= 0:
        return []
    best = max(
        (_phase(risen, spread, period) for period in range(2, min(LONGEST, len(risen) // FEWEST) + 1)),
        default=None,
    )
    if best is None or best[0] < CERTAIN:
        return []
    _, period, phase, height = best
    steps = loss.step[phase::period]
    every = int(np.median(np.diff(steps)))
    first_of_epochs = facts.origin is None and _begin_epochs(trace, loss, phase, period)
    return [
        Finding(
            kind="periodic-batches",
            severity="note" if first_of_epochs else "warning",
            sentence=message(
                "finding-periodic-batches.sentence",
                axis=trace.axis,
                every=every,
                first=int(steps[0]),
                count=len(steps),
                height=float(np.exp(height * spread)) if loss.value.min() > 0 else None,
            ),
            first_step=float(steps[0]),
            last_step=float(steps[-1]),
            confidence=0.95,
            signal="loss",
            evidence={
                "period": every,
                "times": len(steps),
                "height": height,
                **({"back_at_once": True} if _back_at_once(risen / spread, period, phase) else {}),
            },
            alternatives=(
                *([message("finding-periodic-batches.first-of-epoch")] if first_of_epochs else []),
                message("finding-periodic-batches.source"),
                message("finding-periodic-batches.state"),
            ),
            test=message("finding-periodic-batches.test"),
            candidate_causes=("periodic-batch", "optimizer-reset"),
        )
    ]


def _begin_epochs(trace: Trace, loss: Series, phase: int, period: int) -> bool:
    """Whether the points of a phase are those with which an epoch begins, as the log counts epochs."""
    if trace.epochs is None or not len(trace.epochs.step):
        return False
    behind = np.searchsorted(trace.epochs.step, loss.step, side="right") - 1
    begins = np.flatnonzero(np.diff(trace.epochs.value[np.maximum(behind, 0)]) > 0) + 1
    hits = np.arange(phase, len(loss.step), period)
    hits = hits[hits > 0]
    return len(hits) > 0 and bool(np.mean(np.isin(hits, begins)) >= HITS)


def _back_at_once(risen: np.ndarray, period: int, phase: int) -> bool:
    """Whether the loss (n,), in its scatter above the trend, is where it was with the very next batch, each time."""
    behind = risen[phase + 1 :: period]
    return period > 2 and len(behind) > 0 and bool(np.max(behind - np.median(risen)) < BACK)


def _phase(risen: np.ndarray, spread: float, period: int) -> tuple[float, int, int, float]:
    """Return how sure the highest phase of a period is (0 where it does not count), the period, phase and height.

    Args:
        risen: (n,) the loss above its trend.
        spread: its standard deviation.
        period: in points.
    """
    whole = len(risen) // period * period
    phase = int(np.argmax(np.median(risen[:whole].reshape(-1, period), axis=0)))
    hits = risen[phase::period]
    others = np.delete(risen, np.s_[phase::period])
    height = float(np.median(hits) - np.median(others)) / spread
    share = float(np.mean(hits > np.quantile(others, 0.9)))
    if height < HIGH or share < HITS or len(hits) < FEWEST:
        return 0.0, period, phase, height
    is_hardest = _is_hardest(risen, period, phase)
    return 0.0 if is_hardest else height * math.sqrt(len(hits)), period, phase, height


def _is_hardest(risen: np.ndarray, period: int, phase: int) -> bool:
    """Whether a loss (n,) is of batches in the same order in each epoch, of which one is the hardest, and no more.

    The other phases come again as well then, and this one lies within `FAR` standard deviations of them.
    """
    rounds = risen[: len(risen) // period * period].reshape(-1, period)
    others = np.delete(rounds, phase, axis=1)
    even, odd = np.median(others[::2], axis=0), np.median(others[1::2], axis=0)
    if period <= FEWEST or np.ptp(even) == 0 or np.ptp(odd) == 0 or np.corrcoef(even, odd)[0, 1] < COMES_AGAIN:
        return False
    usual = np.median(others, axis=0)
    spread = 1.4826 * float(np.median(np.abs(usual - np.median(usual))))
    return float(np.median(rounds[:, phase]) - np.median(usual)) < FAR * spread
