"""One signal in memory that grows at its end."""

import numpy as np

from newllm.trace import Series

_ROOM = 1024


class Column:
    """Steps and values, rising strictly by step.

    What `series` gave stays as it was: what stands is never overwritten, a correction makes new arrays.
    """

    def __init__(self) -> None:
        self._step, self._value, self._size = np.empty(0, np.int64), np.empty(0, np.float64), 0

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Of memory."""
        return self._step.nbytes + self._value.nbytes

    @property
    def last(self) -> int:
        """The last step; there must be one."""
        return int(self._step[self._size - 1])

    def series(self, first: int = 0) -> Series:
        """Return the signal from its `first` point on."""
        return Series(self._step[first : self._size], self._value[first : self._size])

    def add(self, step: np.ndarray, value: np.ndarray) -> bool:
        """Take in points in the order in which they were written; where a step came before, the later value holds.

        Returns:
            Whether a point that was there has become another, or one was put between.
        """
        step, value = _merged(step, value)
        if not len(step):
            return False
        kept = int(np.searchsorted(self._step[: self._size], step[0]))
        if kept == self._size:
            self._append(step, value)
            return False
        before = self.series(kept)
        step, value = _merged(np.concatenate([before.step, step]), np.concatenate([before.value, value]))
        size = len(before.step)
        if np.array_equal(step[:size], before.step) and np.array_equal(value[:size], before.value, equal_nan=True):
            self._append(step[size:], value[size:])
            return False
        self._step = np.concatenate([self._step[:kept], step])
        self._value = np.concatenate([self._value[:kept], value])
        self._size = len(self._step)
        return True

    def _append(self, step: np.ndarray, value: np.ndarray) -> None:
        size = self._size + len(step)
        if size > len(self._step):
            room = size + max(_ROOM, size // 4)
            self._step = np.concatenate([self._step[: self._size], np.empty(room - self._size, np.int64)])
            self._value = np.concatenate([self._value[: self._size], np.empty(room - self._size, np.float64)])
        self._step[self._size : size], self._value[self._size : size] = step, value
        self._size = size


def _merged(step: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(step) < 2 or (step[1:] > step[:-1]).all():
        return step, value
    _, from_end = np.unique(step[::-1], return_index=True)
    last = len(step) - 1 - from_end
    return step[last], value[last]
