"""Curves drawn with characters: a few rows of a terminal that show a run of any length.

A cell of braille holds 2 x 4 dots, so a plot of 60 cells has 120 columns; each shows the lowest and the highest
value that falls into it, joined to its neighbours. No spike is sampled away. Where the encoding has no braille, a
cell has two halves, drawn as ' . and :.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from rich.text import Text

from newllm.messages import Catalogue, catalogue
from newllm.plotting import colours
from newllm.plotting.axes import beside, compact, is_crushed
from newllm.plotting.lines import LARGEST
from newllm.plotting.terminal_canvas import Canvas, to_cells

_BETWEEN_POINTS = 6  # cells: nearer than this, single points would hide the curve

Stretch = tuple[float, float]


@dataclass(frozen=True)
class _Frame:
    """How positions and values become dots: `width` and `height` in cells, log where a few values tower."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]
    log: bool

    def columns(self, x: np.ndarray) -> np.ndarray:
        low, high = self.x
        share = (x - low) / (high - low) if high > low else np.full(len(x), 0.5)
        return np.clip(np.rint(share * (2 * self.width - 1)), 0, 2 * self.width - 1).astype(int)

    def rows(self, y: np.ndarray) -> np.ndarray:
        """From the bottom up; what lies far beyond the scale stays near it."""
        low, high = self.y
        with np.errstate(over="ignore"):
            share = (y - low) / (high - low) if high > low else np.full(len(y), 0.5)
        return np.clip(share, -1, 2) * (4 * self.height - 1)


def draw_curve(
    x: np.ndarray,
    y: np.ndarray,
    *,
    width: int,
    height: int = 5,
    marked: Sequence[Stretch] = (),
    colour: str = colours.TRAINING,
    points: tuple[np.ndarray, np.ndarray] | None = None,
    behind: tuple[np.ndarray, np.ndarray] | None = None,
    unicode: bool = True,
    words: Catalogue | None = None,
) -> list[Text]:
    """Draw a signal; the first row holds its highest value, the last two are the axis and its numbers.

    Args:
        x: positions (steps or epochs), rising.
        y: values of the same length; NaN and the infinities become marks on the axis.
        width: of the whole drawing, in cells.
        height: of the plot, in cells, without the two rows of the axis.
        marked: stretches of `x` to show as places of findings: coloured, and heavy on the axis.
        colour: of the curve outside those stretches.
        points: x and y of a second signal (validation), shown as single points, where they lie close the highest; the
            scale is that of the curve, and what is beyond it becomes an arrow at the edge.
        behind: x and y of another curve, in grey behind this one; the scale holds both, but for what of it
            would flatten this one, which is left out.
        unicode: the terminal's encoding has braille and lines.
        words: the language; None is English.

    Returns:
        Rows of at most `width` cells.
    """
    finite = np.isfinite(y)
    if not finite.any():
        words = words or catalogue("en")
        return [Text(words("curve-not_finite" if len(y) else "curve-nothing"), style=colours.MUTED)]
    value = np.where(finite, np.clip(y, -LARGEST, LARGEST), np.nan)
    x_points, points_value = _finite(points)
    x_behind, behind_value = _within(_finite(behind), x)
    behind_value = beside(value, behind_value)
    both = np.concatenate([value, behind_value])
    log = is_crushed(both)
    labels = [compact(float(f"{item:.4g}")) for item in (np.nanmax(both), np.nanmin(both))]
    margin = max(3 if log else 0, *map(len, labels))
    scaled = np.log if log else np.asarray
    places = np.concatenate([x[[0, -1]], x_points])
    frame = _Frame(max(8, width - margin - 2), height, _ends(places), _ends(scaled(both)), log)
    canvas, other = Canvas(2 * frame.width, 4 * height), Canvas(2 * frame.width, 4 * height)
    canvas.draw(frame.columns(x), frame.rows(scaled(value)))
    other.draw(frame.columns(x_behind), frame.rows(scaled(behind_value)))
    regions = [_region(frame, x, stretch) for stretch in marked]
    cells = _coloured(canvas, regions, colour, unicode=unicode)
    if len(x_behind):
        grey, empty = _coloured(other, (), colours.MUTED, unicode=unicode), chr(0x2800) + " "
        cells = [
            [behind_it if here[0] in empty else here for here, behind_it in zip(row, others, strict=True)]
            for row, others in zip(cells, grey, strict=True)
        ]
    _put(cells, frame, x_points, points_value, unicode=unicode)
    gaps = set((frame.columns(x[~finite]) // 2).tolist())
    rows = _curve_rows(cells, labels, margin, unicode=unicode)
    return [*rows, _axis(frame, margin, regions, gaps, unicode=unicode), _numbers(frame, margin, regions, marked)]


def _finite(points: tuple[np.ndarray, np.ndarray] | None) -> tuple[np.ndarray, np.ndarray]:
    if points is None:
        return np.empty(0), np.empty(0)
    kept = np.isfinite(points[1])
    return points[0][kept], np.clip(points[1][kept], -LARGEST, LARGEST)


def _within(curve: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of a curve between the ends of x."""
    kept = (curve[0] >= x[0]) & (curve[0] <= x[-1])
    return curve[0][kept], curve[1][kept]


def _ends(values: np.ndarray) -> tuple[float, float]:
    return float(np.nanmin(values)), float(np.nanmax(values))


def _region(frame: _Frame, x: np.ndarray, marked: Stretch) -> range:
    """Return the cells of the marked stretch, at least one where it touches the curve."""
    if marked[1] < x[0] or marked[0] > x[-1]:
        return range(0)
    first, last = (frame.columns(np.array(marked, dtype=float)) // 2).tolist()
    return range(first, last + 1)


_Cell = tuple[str, str]  # character, style


def _coloured(canvas: Canvas, regions: Sequence[range], colour: str, *, unicode: bool) -> list[list[_Cell]]:
    """Return the cells of the plot, row by row."""
    styles = [colour] * (canvas.dots.shape[1] // 2)
    for region in regions:
        styles[region.start : region.stop] = [f"bold {colours.SPIKE}"] * len(region)
    return [list(zip(row, styles, strict=True)) for row in to_cells(canvas.dots, unicode=unicode)]


def _put(cells: list[list[_Cell]], frame: _Frame, x: np.ndarray, value: np.ndarray, *, unicode: bool) -> None:
    """Put points over a plot, of those that lie close the highest."""
    point, above, below = "•▴▾" if unicode else "o^v"
    columns, rows = frame.columns(x) // 2, frame.rows(np.log(np.maximum(value, 1 / LARGEST)) if frame.log else value)
    highest: dict[int, int] = {}
    for index, group in enumerate((columns // _BETWEEN_POINTS).tolist()):
        if group not in highest or value[index] >= value[highest[group]]:
            highest[group] = index
    for index in highest.values():
        dot = round(float(rows[index]))
        mark = below if dot < 0 else point if dot < 4 * frame.height else above
        row = min(max(dot, 0) // 4, frame.height - 1)
        cells[-1 - row][columns[index]] = (mark, f"bold {colours.VALIDATION}")


def _curve_rows(cells: list[list[_Cell]], labels: list[str], margin: int, *, unicode: bool) -> list[Text]:
    flat = labels[0] == labels[1]
    named = {len(cells) // 2: labels[0]} if flat else {0: labels[0], len(cells) - 1: labels[1]}
    rows = []
    for index, row_of_cells in enumerate(cells):
        row = Text(f"{named.get(index, ''):>{margin}} ", style=colours.MUTED)
        row.append(("┤" if index in named else "│") if unicode else "|", colours.MUTED)
        _append(row, row_of_cells)
        row.rstrip()
        rows.append(row)
    return rows


def _append(row: Text, cells: Iterable[_Cell]) -> None:
    """Append cells, those of one style that follow each other at once: rich's time goes by the number of styles."""
    for style, run in groupby(cells, lambda cell: cell[1]):
        row.append("".join(cell for cell, _ in run), style)


def _axis(frame: _Frame, margin: int, regions: Sequence[range], gaps: set[int], *, unicode: bool) -> Text:
    corner, light, heavy, gap = "└─━x" if unicode else "+-=x"
    name = "log" if frame.log else ""
    row = Text(f"{name:>{margin}} {corner}", style=colours.MUTED)
    cells = [(light, colours.MUTED)] * frame.width
    for region in regions:
        cells[region.start : region.stop] = [(heavy, f"bold {colours.SPIKE}")] * len(region)
    for column in gaps:
        cells[column] = (gap, f"bold {colours.SPIKE}")
    _append(row, cells)
    return row


def _numbers(frame: _Frame, margin: int, regions: Sequence[range], marked: Sequence[Stretch]) -> Text:
    """Number the axis at both ends, and those stretches that there is room for between them."""
    first, last = (compact(item) if item % 1 else f"{item:,.0f}" for item in frame.x)
    cells = [(" ", colours.MUTED)] * frame.width
    _write(cells, 0, first, colours.MUTED)
    if last != first:
        _write(cells, frame.width - len(last), last, colours.MUTED)
    for region, stretch in zip(regions, marked, strict=True):
        ends = [f"{item:,.0f}" for item in stretch]
        name = ends[0] if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"
        at = min((region.start + region.stop - len(name)) // 2, frame.width - len(last) - len(name) - 1)
        around = cells[max(0, at - 1) : at + len(name) + 1]
        if region and at > len(first) and all(cell == " " for cell, _ in around):
            _write(cells, at, name, f"bold {colours.SPIKE}")
    text = Text(" " * (margin + 2))
    _append(text, cells[: frame.width])
    return text


def _write(cells: list[_Cell], at: int, text: str, style: str) -> None:
    cells[at : at + len(text)] = [(letter, style) for letter in text]
