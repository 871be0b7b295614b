"""A signal that grows while it is drawn: bounded memory, and no spike lost.

It is kept as buckets of equally many points: the lowest, the highest, and the first that is no finite number of each.
When all buckets are full, each two become one. A run of a million steps is 512 to 1,024 buckets; below 1,024 points
nothing is left out.
"""

import math

import numpy as np

_LOWEST, _HIGHEST, _GAP = range(3)


class History:
    """Points of one signal, in rising order of x.

    Args:
        buckets: at most so many; an even number.
    """

    def __init__(self, buckets: int = 1024) -> None:
        self._x = np.full((buckets, 3), np.nan)  # NaN: there is no such point in this bucket
        self._y = np.full((buckets, 3), np.nan)
        self._used, self._held, self._per_bucket = 0, 0, 1  # buckets, points in the last one, points that fill one
        self._low, self._high = math.inf, -math.inf  # of the last bucket
        self.last = -math.inf  # x of the newest point

    def add(self, x: float, y: float) -> None:
        """Take in a point, which costs about a microsecond.

        Args:
            x: higher than the one before.
            y: any value; NaN and the infinities are gaps.
        """
        if self._used == 0 or self._held == self._per_bucket:
            self._begin_bucket()
        self.last, self._held = x, self._held + 1
        if not math.isfinite(y):
            if math.isnan(self._x[self._used - 1, _GAP]):
                self._put(_GAP, x, y)
            return
        if y < self._low:
            self._low = y
            self._put(_LOWEST, x, y)
        if y > self._high:
            self._high = y
            self._put(_HIGHEST, x, y)

    def cut(self, x: float) -> None:
        """Forget all points from `x` on, for a run that went back; up to a bucket before it may go as well."""
        gone = self._x >= x
        self._x[gone] = self._y[gone] = np.nan
        kept = np.flatnonzero((~np.isnan(self._x)).any(1))
        self._used = int(kept[-1]) + 1 if len(kept) else 0
        self._held = self._per_bucket  # what follows begins a bucket of its own
        self.last = float(np.nanmax(self._x)) if len(kept) else -math.inf

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what is kept: x, rising strictly, and y, both [<= 3 * buckets]."""
        x, y = self._x[: self._used].ravel(), self._y[: self._used].ravel()
        there = ~np.isnan(x)
        x, places = np.unique(x[there], return_index=True)
        return x, y[there][places]

    def _put(self, which: int, x: float, y: float) -> None:
        self._x[self._used - 1, which] = x
        self._y[self._used - 1, which] = y

    def _begin_bucket(self) -> None:
        if self._used == len(self._x):
            self._merge()
        self._used, self._held = self._used + 1, 0
        self._low, self._high = math.inf, -math.inf

    def _merge(self) -> None:
        """Make one bucket of each two."""
        x, y = self._x.reshape(-1, 2, 3), self._y.reshape(-1, 2, 3)
        absent = np.isnan(x)
        chosen = np.stack(
            [
                np.where(absent, np.inf, y)[:, :, _LOWEST].argmin(1),
                np.where(absent, -np.inf, y)[:, :, _HIGHEST].argmax(1),
                absent[:, :, _GAP].argmin(1),
            ],
            axis=1,
        )[:, None, :]
        half = len(x)
        for whole, pairs in ((self._x, x), (self._y, y)):
            whole[:half] = np.take_along_axis(pairs, chosen, axis=1)[:, 0]
            whole[half:] = np.nan
        self._used, self._per_bucket = half, 2 * self._per_bucket
