"""A raster of dots for one curve, and the characters that show it."""

import numpy as np

# Dot (row from the top, column) of a braille cell -> its bit in U+2800 + bits.
_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_HALVES = " '.:"


class Canvas:
    """Dots of one curve.

    Args:
        width: in dots.
        height: in dots.

    Attributes:
        dots: [height, width] bool, the first row at the top.
    """

    def __init__(self, width: int, height: int) -> None:
        self.dots = np.zeros((height, width), dtype=bool)

    def draw(self, column: np.ndarray, row: np.ndarray) -> None:
        """Draw a line through points, broken where a row is NaN.

        Args:
            column: int, rising, in dots from the left.
            row: float, in dots from the bottom; NaN breaks the line.
        """
        height, width = self.dots.shape
        low, high = np.full(width, np.inf), np.full(width, -np.inf)
        finite = np.isfinite(row)
        _widen(low, high, column[finite], row[finite])
        # A join within one column lies between that column's lowest and highest anyway.
        joined = finite[1:] & finite[:-1]
        apart = np.diff(column)
        beside = np.flatnonzero(joined & (apart == 1))
        middle = 0.5 * (row[beside] + row[beside + 1])
        for end in (beside, beside + 1):
            _widen(low, high, column[end], middle)
        for index in np.flatnonzero(joined & (apart > 1)):
            _join(low, high, column[index : index + 2], row[index : index + 2])
        drawn = low <= high
        bottom, top = (np.clip(np.rint(np.where(drawn, end, 0)), 0, height - 1) for end in (low, high))
        from_bottom = np.arange(height - 1, -1, -1)[:, None]
        self.dots |= drawn & (from_bottom >= bottom) & (from_bottom <= top)


def _widen(low: np.ndarray, high: np.ndarray, column: np.ndarray, row: np.ndarray) -> None:
    np.minimum.at(low, column, row)
    np.maximum.at(high, column, row)


def _join(low: np.ndarray, high: np.ndarray, column: np.ndarray, row: np.ndarray) -> None:
    """Widen `low` and `high` of the columns between two points to what a straight line crosses there."""
    between = np.arange(column[0], column[1] + 1)
    left = np.interp(between - 0.5, column, row)
    right = np.interp(between + 0.5, column, row)
    low[between] = np.minimum(low[between], np.minimum(left, right))
    high[between] = np.maximum(high[between], np.maximum(left, right))


def to_cells(dots: np.ndarray, *, unicode: bool = True) -> list[str]:
    """Return the rows of characters that show dots.

    Args:
        dots: [height, width] bool; height is a multiple of 4, width of 2.
        unicode: braille; else one of four ASCII characters a cell.
    """
    height, width = dots.shape
    cells = dots.reshape(height // 4, 4, width // 2, 2).transpose(0, 2, 1, 3)  # [rows, cells, 4, 2]
    if unicode:
        codes = (cells * _BRAILLE).sum((2, 3))
        return ["".join(chr(0x2800 + code) if code else " " for code in row) for row in codes.tolist()]
    halves = np.where(cells[:, :, :2].any((2, 3)), 1, 0) + np.where(cells[:, :, 2:].any((2, 3)), 2, 0)
    return ["".join(_HALVES[code] for code in row) for row in halves.tolist()]
