"""Which signals of a trace are losses, and how a loss is held against itself.

Losses are compared by ratio (on a log scale) where they are positive, because noise and progress scale with the
loss; a loss that reaches zero or below (a regression's likelihood) is compared by difference, in units of its range.
"""

import math
import re

import numpy as np

from newllm.diagnosis.medians import medians
from newllm.trace import Series, Trace

FEWEST_SHARES, MOST_SHARES, MOST_CASES = 4, 40, 3000  # numbers that differ; of which each may be a multiple of 1 / N
_SHARE_ROUNDED, _DECIMALS = 5e-7, 4  # of a number that was computed in 32 bits; of one that was rounded in a log
_SO_FAR = re.compile(r"(best|lowest)(?![a-z])", re.IGNORECASE)  # "Best Val Loss" stays as it is on purpose
_A_LOSS = re.compile(r"(^|[^a-z])loss($|[^a-z])", re.IGNORECASE)
_FIRST = 5  # points that tell where a loss begins
_BEGAN = 3  # likewise in words
_AT_ZERO = 0.25  # of all that a loss goes through: so near to zero it begins at zero
_VALIDATION = re.compile(r"(^|[^a-z])(val|valid|validation|eval|evaluation|test|dev)($|[^a-z])", re.IGNORECASE)

# What tasks call their own part of a loss; the words of a name, in any order.
_OWN_PART = re.compile(
    r"(^|[^a-z])(ce|cls|class|classification|nll|lm|task|main|seg|det|bce|xent)($|[^a-z])", re.IGNORECASE
)


def loss_names(trace: Trace) -> list[str]:
    """Return the names of the trace's losses: training first; other names than the project's only without those."""
    own = [name for name in ("loss", "validation_loss") if len(trace.series(name).value)]
    others = (name for name in trace.signals if _A_LOSS.search(name) and not _SO_FAR.match(name))
    return own or [name for name in others if len(trace.series(name).value)]


def names_a_loss(name: str) -> bool:
    """Whether a signal of this name is a loss, or a part of one."""
    return bool(_A_LOSS.search(name))


def is_validation(name: str) -> bool:
    """Whether a signal of this name is of an evaluation."""
    return bool(_VALIDATION.search(name))


def is_own_part(name: str) -> bool:
    """Whether a signal of this name is the task's own part of a loss that has several."""
    return bool(_OWN_PART.search(name))


def finite(series: Series) -> Series:
    """Return the series without its points that are not finite."""
    kept = np.isfinite(series.value)
    return series if kept.all() else Series(series.step[kept], series.value[kept])


def as_shares(value: np.ndarray) -> np.ndarray:
    """Return an accuracy (n,) as shares of one: what goes above one is in percent."""
    return value / (100.0 if len(value) and value.max() > 1 else 1.0)


def comparable(loss: np.ndarray) -> np.ndarray:
    """Return the loss (n,) on the scale on which it is compared; a difference of 0.1 is about a tenth.

    The logarithm where every value is positive. Otherwise the loss divided by the range of its middle nine tenths.
    """
    if not len(loss) or loss.min() > 0:
        return np.log(loss)
    low, high = np.quantile(loss, [0.05, 0.95])
    return loss / ((high - low) or 1.0)


def end_of_first_epoch(trace: Trace) -> float:
    """Return the last step before the data are read for the second time.

    It is infinite where they never are, and 0 where the log does not say.
    """
    if trace.epochs is None or not len(trace.epochs.value):
        return 0.0
    epoch = trace.epochs.value
    fractions = bool(np.any(epoch != np.round(epoch)))
    again = np.flatnonzero(epoch > (1.0 if fractions else epoch[0]))
    return float(trace.epochs.step[max(0, int(again[0]) - 1)]) if len(again) else math.inf


def is_balanced(value: np.ndarray, peak: float) -> bool:
    """Whether a loss (n,) begins at zero, falls below and comes back to about there: a balance of two sides.

    A critic's loss, the scores of one side less those of the other, does so while its opponent catches up; a return
    to zero is then no loss of what was learnt.
    """
    start = float(np.median(value[:_FIRST]))
    reach = float(np.ptp(value))
    return bool(value.min() < 0 and abs(start) <= _AT_ZERO * reach and peak <= start + _AT_ZERO * reach)


def began_at(loss: np.ndarray) -> float:
    """Return where a training loss (n,) began: one number for all that is said of it."""
    return float(np.median(loss[:_BEGAN]))


def descent(loss: np.ndarray) -> float:
    """Return how far a run brought its loss (n,) down: the median of its first few points minus its lowest level."""
    few = max(1, len(loss) // 50)
    level = rolling_median(loss, few)
    return float(max(np.median(loss[:few]) - level.min(), 0.0))


def rolling_median(values: np.ndarray, width: int) -> np.ndarray:
    """Return the median of the `width` points around each of (n,), fewer at the ends; an even width counts one more."""
    if width <= 1 or len(values) < 3:
        return values
    half = min(width // 2, (len(values) - 1) // 2)
    padded = np.pad(values, half, mode="reflect")
    stride = 1 + half // 16  # neighbouring medians of many points hardly differ: some, and a line between them
    at = np.append(np.arange(0, len(values) - 1, stride), len(values) - 1)
    return np.interp(np.arange(len(values)), at, medians(padded, 2 * half + 1, at))


def sliding_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of every `width` neighbours of (n,), n at least `width`: (n - width + 1,).

    Sums of 1, 2, 4, ... neighbours make up each window. A running sum would be shorter, but behind one huge value it
    has lost the digits of all others.
    """
    count, sums, size, done = len(values) - width + 1, values / width, 1, 0
    mean = np.zeros(count)
    while size <= width:
        if width & size:
            mean, done = mean + sums[done : done + count], done + size
        sums, size = sums[:-size] + sums[size:], 2 * size
    return mean


def sliding_median(values: np.ndarray, width: int) -> np.ndarray:
    """Return the median of every `width` neighbours of finite (n,), n at least `width`: (n - width + 1,)."""
    return medians(values, width, np.arange(len(values) - width + 1))


def cases_counted(value: np.ndarray) -> int | None:
    """Return of how many cases each of some numbers (n,) is a share, as a share of errors is; None where of none.

    Numbers that are no shares are multiples of 1 / N by chance, each with a probability of 2 N times the tolerance.
    Those that a log has rounded are multiples of a power of ten, which says nothing.
    """
    different = np.unique(value)[:MOST_SHARES]
    if len(different) < FEWEST_SHARES or different[0] < 0 or different[-1] > 1:
        return None
    if np.allclose(different, np.round(different, _DECIMALS), rtol=0, atol=1e-9):
        return None
    cases = np.arange(2, MOST_CASES)
    whole = np.abs(np.outer(cases, different) - np.round(np.outer(cases, different)))
    found = np.flatnonzero((whole < _SHARE_ROUNDED * cases[:, None]).all(axis=1))
    return int(cases[found[0]]) if len(found) else None
