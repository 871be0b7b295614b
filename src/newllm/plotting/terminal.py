"""Curves drawn with characters: a few rows of a terminal that show a run of any length.

A cell of braille holds 2 x 4 dots, so a plot of 60 cells has 120 columns; each shows the lowest and the highest
value that falls into it, joined to its neighbours. No spike is sampled away. Where the encoding has no braille, a
cell has two halves, drawn as ' . and :.
"""

from dataclasses import dataclass

import numpy as np
from rich.text import Text

from newllm.plotting import colours
from newllm.plotting.axes import compact, is_crushed
from newllm.plotting.lines import LARGEST
from newllm.plotting.terminal_canvas import Canvas, to_cells

_NOTHING = "nothing recorded"
_GAP = "not one finite value"


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
        """From the bottom up."""
        low, high = self.y
        share = (y - low) / (high - low) if high > low else np.full(len(y), 0.5)
        return share * (4 * self.height - 1)


def draw_curve(
    x: np.ndarray,
    y: np.ndarray,
    *,
    width: int,
    height: int = 5,
    marked: tuple[float, float] | None = None,
    colour: str = colours.TRAINING,
    unicode: bool = True,
) -> list[Text]:
    """Draw a signal; the first row holds its highest value, the last two are the axis and its numbers.

    Args:
        x: positions (steps or epochs), rising.
        y: values of the same length; NaN and the infinities become marks on the axis.
        width: of the whole drawing, in cells.
        height: of the plot, in cells, without the two rows of the axis.
        marked: a stretch of `x` to show as the place of a finding: coloured, and heavy on the axis.
        colour: of the curve outside that stretch.
        unicode: the terminal's encoding has braille and lines.

    Returns:
        Rows of at most `width` cells.
    """
    finite = np.isfinite(y)
    if not finite.any():
        return [Text(_GAP if len(y) else _NOTHING, style=colours.MUTED)]
    value = np.where(finite, np.clip(y, -LARGEST, LARGEST), np.nan)
    log = is_crushed(value)
    labels = [compact(float(f"{item:.4g}")) for item in (np.nanmax(value), np.nanmin(value))]
    margin = max(3 if log else 0, *map(len, labels))
    drawn = np.log(value) if log else value
    bounds = (float(x[0]), float(x[-1])), (float(np.nanmin(drawn)), float(np.nanmax(drawn)))
    frame = _Frame(max(8, width - margin - 2), height, *bounds, log)
    canvas = Canvas(2 * frame.width, 4 * height)
    canvas.draw(frame.columns(x), frame.rows(drawn))
    region = _region(frame, x, marked)
    rows = _curve_rows(canvas, frame, labels, margin, region, colour, unicode=unicode)
    gaps = set((frame.columns(x[~finite]) // 2).tolist())
    return [*rows, _axis(frame, margin, region, gaps, unicode=unicode), _numbers(frame, margin, region, marked)]


def _region(frame: _Frame, x: np.ndarray, marked: tuple[float, float] | None) -> range:
    """Return the cells of the marked stretch, at least one where it touches the curve."""
    if marked is None or marked[1] < x[0] or marked[0] > x[-1]:
        return range(0)
    first, last = (frame.columns(np.array(marked, dtype=float)) // 2).tolist()
    return range(first, last + 1)


def _curve_rows(
    canvas: Canvas, frame: _Frame, labels: list[str], margin: int, region: range, colour: str, *, unicode: bool
) -> list[Text]:
    flat = labels[0] == labels[1]
    named = {frame.height // 2: labels[0]} if flat else {0: labels[0], frame.height - 1: labels[1]}
    rows = []
    for index, cells in enumerate(to_cells(canvas.dots, unicode=unicode)):
        row = Text(f"{named.get(index, ''):>{margin}} ", style=colours.MUTED)
        row.append(("┤" if index in named else "│") if unicode else "|", colours.MUTED)
        for column, cell in enumerate(cells):
            row.append(cell, f"bold {colours.SPIKE}" if column in region else colour)
        row.rstrip()
        rows.append(row)
    return rows


def _axis(frame: _Frame, margin: int, region: range, gaps: set[int], *, unicode: bool) -> Text:
    corner, light, heavy, gap = "└─━x" if unicode else "+-=x"
    name = "log" if frame.log else ""
    row = Text(f"{name:>{margin}} {corner}", style=colours.MUTED)
    for column in range(frame.width):
        if column in gaps:
            row.append(gap, f"bold {colours.SPIKE}")
        elif column in region:
            row.append(heavy, f"bold {colours.SPIKE}")
        else:
            row.append(light, colours.MUTED)
    return row


def _numbers(frame: _Frame, margin: int, region: range, marked: tuple[float, float] | None) -> Text:
    """Number the axis at both ends, and the stretch where there is room between them."""
    first, last = (compact(item) if item % 1 else f"{item:,.0f}" for item in frame.x)
    line = [" "] * frame.width
    line[: len(first)] = first
    if last != first:
        line[frame.width - len(last) :] = last
    text = Text(" " * (margin + 2) + "".join(line[: frame.width]), style=colours.MUTED)
    if marked is None or not region:
        return text
    ends = [f"{item:,.0f}" for item in marked]
    name = ends[0] if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"
    at = min((region.start + region.stop - len(name)) // 2, frame.width - len(last) - len(name) - 1)
    if at > len(first):
        text.plain = text.plain[: margin + 2 + at] + name + text.plain[margin + 2 + at + len(name) :]
        text.stylize(f"bold {colours.SPIKE}", margin + 2 + at, margin + 2 + at + len(name))
    return text
