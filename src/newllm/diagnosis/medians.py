"""Medians of very many windows of a series, in a time that the width of the windows has no part in.

A window's k-th smallest value is found bit by bit, for all windows at once. Values are replaced by their places in
sorted order. From the highest bit of these on, the windows count those of their places whose bit is 0: if there are
more than k, the one that is looked for is among them, else it is among the others. Then the places with 0 are moved to
the front, in their order, so that what is left of each window lies side by side again. (The table of these moves is
known as a wavelet matrix.) scipy's rank filter is ten times as quick, and 150 MB to install: with this, a doctor whose
logs have a million points takes 17 s and not 11, and one whose logs are shorter is done before scipy is imported.
"""

import numpy as np

_DENSE = 40  # windows over each value: up to so many it is as quick to take them one by one
_AT_ONCE = 1 << 16  # numbers


def medians(values: np.ndarray, width: int, first: np.ndarray) -> np.ndarray:
    """Return the median of the `width` values from each place of `first` (m,) on, of finite or infinite values (n,)."""
    if len(first) * width <= _DENSE * len(values):
        windows, some = np.lib.stride_tricks.sliding_window_view(values, width), max(1, _AT_ONCE // width)
        parts = [np.median(windows[first[at : at + some]], axis=1) for at in range(0, len(first), some)]
        return np.concatenate(parts)
    lower = _smallest(values, width, first, (width - 1) // 2)
    return lower if width % 2 else np.mean([lower, _smallest(values, width, first, width // 2)], axis=0)


def _smallest(values: np.ndarray, width: int, first: np.ndarray, which: int) -> np.ndarray:
    """Return the value number `which`, from 0 in sorted order, of each window (m,)."""
    order = np.argsort(values, kind="stable")
    places = np.empty(len(values), dtype=np.int32)
    places[order] = np.arange(len(values), dtype=np.int32)
    start, end = first.astype(np.int32), (first + width).astype(np.int32)
    left, found = np.full(len(first), which, dtype=np.int32), np.zeros(len(first), dtype=np.int32)
    for bit in reversed(range(len(values).bit_length())):
        is_high = (places >> bit & 1).astype(bool)
        zeros = np.concatenate(([0], np.cumsum(~is_high, dtype=np.int32)))  # in front of each place, and in all
        before, until = zeros[start], zeros[end]
        low = left < until - before
        start = np.where(low, before, zeros[-1] + start - before)
        end = np.where(low, until, zeros[-1] + end - until)
        left -= np.where(low, 0, until - before)
        found |= np.where(low, 0, 1 << bit).astype(np.int32)
        places = np.concatenate((places[~is_high], places[is_high]))
    return values[order[found]]
