"""What makes a long, noisy, broken signal drawable: decimation, a smooth line, and its gaps.

All of it is plain numpy on one signal, `x` (rising) and `y` of the same length, where `y` may hold NaN
and infinities. Nothing here may hide a spike.
"""

import numpy as np

BUCKETS = 1000  # about one a pixel of a panel
_CENTRES = 400
LARGEST = 1e100  # past this a drawing is no more telling, and the arithmetic of axes overflows


def decimate(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep at most four points of each of `BUCKETS` stretches: lowest, highest, a gap; and both ends.

    Args:
        x: positions, rising.
        y: values, may hold NaN.
    """
    if len(y) <= 4 * BUCKETS:
        return x, y
    keep = extremes(y, BUCKETS)
    return x[keep], y[keep]


def extremes(y: np.ndarray, buckets: int) -> np.ndarray:
    """Return the places [<= 3 * buckets + 2] of the lowest, the highest and a gap of each bucket, and of both ends.

    Args:
        y: values, may hold NaN.
        buckets: stretches of equal length.
    """
    width = -(-len(y) // buckets)
    rows = np.concatenate([y, np.full(-len(y) % width, y[-1])]).reshape(-1, width)
    gap = ~np.isfinite(rows)
    picked = [
        np.where(gap, np.inf, rows).argmin(1),
        np.where(gap, -np.inf, rows).argmax(1),
        gap.argmax(1),  # the first gap, or the stretch's first point where there is none
    ]
    offsets = np.arange(len(rows)) * width
    last = len(y) - 1
    return np.unique(np.minimum(np.concatenate([*(offsets + at for at in picked), [0, last]]), last))


def medians(x: np.ndarray, y: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and medians of at most so many stretches of equal length: a trend that no spike moves.

    What is infinite counts by its sign, what is NaN not at all; of an even count the lower of the two middles is taken,
    so that the median of the logarithms is the logarithm of the median. A stretch without a number is NaN.

    Args:
        x: positions, rising.
        y: values, may hold NaN.
        buckets: how many at most.
    """
    width = -(-len(y) // buckets) | 1  # odd: then its middle is one of its points
    starts = np.arange(0, len(y), width)
    centres = (starts + np.minimum(starts + width, len(y)) - 1) // 2
    whole = len(y) // width * width
    return x[centres], np.concatenate([_row_medians(y[:whole].reshape(-1, width)), _row_medians(y[None, whole:])])


def _row_medians(rows: np.ndarray) -> np.ndarray:
    """Return the median of each row [N, width], NaN without a number; a row without columns has none."""
    if not rows.size:
        return np.empty(0)
    if not np.isnan(rows).any():  # the usual case, for which nothing need be sorted
        middle = (rows.shape[1] - 1) // 2
        return np.partition(rows, middle, axis=1)[:, middle]
    ordered = np.sort(rows, axis=1)  # NaN comes last
    counts = (~np.isnan(rows)).sum(1)
    return ordered[np.arange(len(rows)), np.maximum(0, (counts - 1) // 2)]


def running_middle(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the middle half of a moving window, at `_CENTRES` places at most.

    As a median does, it ignores what sticks out of its window; a short signal does not become stairs.
    The window is 3 % of the signal, narrower at both ends, so that a steep line keeps its slope. The
    result is NaN where the value in the window's middle is not finite: it breaks where the signal does.

    Args:
        x: positions, rising.
        y: values, may hold NaN.
    """
    half = max(4, len(y) * 3 // 200)
    centres = np.unique(np.linspace(0, len(y) - 1, min(len(y), _CENTRES)).round().astype(int))
    middles = np.full(len(centres), np.nan)
    for place, centre in enumerate(centres.tolist()):
        reach = min(half, centre, max(half // 4, len(y) - 1 - centre))
        if np.isfinite(y[centre]):
            window = y[centre - reach : centre + reach + 1]
            window = np.sort(window[np.isfinite(window)])
            quarter = len(window) // 4
            middles[place] = window[quarter : len(window) - quarter].mean()
    return x[centres], middles


def lonely(y: np.ndarray) -> np.ndarray:
    """Return where a finite value has no finite neighbour: a line does not show it, a dot must."""
    padded = np.concatenate([[False], np.isfinite(y), [False]])
    return padded[1:-1] & ~padded[:-2] & ~padded[2:]


def gaps(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """Return the stretches of `x` where `y` is not finite, those nearer than a pixel or so made one."""
    at = x[~np.isfinite(y)]
    if not len(at):
        return []
    # A gap goes on as long as no finite value comes between, however far apart its points are.
    index = np.flatnonzero(~np.isfinite(y))
    near = (x[-1] - x[0]) / BUCKETS * 3
    ends = np.flatnonzero((np.diff(index) > 1) & (np.diff(at) > near))
    starts = np.concatenate([[0], ends + 1])
    stops = np.concatenate([ends, [len(at) - 1]])
    return [(float(at[first]), float(at[last])) for first, last in zip(starts, stops, strict=True)]
