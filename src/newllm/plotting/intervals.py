"""A forest plot: estimates with their 95 % intervals, one line each, under the headings of their groups."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newllm.plotting import axes as scales
from newllm.plotting import colours, lines, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Estimate = tuple[float | None, float | None, float | None]  # the value, and the low and high end of its interval
_LETTERS = 52  # of a label in one line
_LINE = 0.245  # inches from a row to the next
_MORE = 0.62  # of a row's height for every further line of its label
_APART = 0.19  # of a row's height, from its middle to each of two estimates
_LONG = 25  # rows from which the x axis is numbered at the top too
_REFERENCE: dict[str, Any] = {"color": colours.INK, "linewidth": 1, "linestyle": (0, (4, 3))}
_FILLED, _SECOND = "o", "D"


@dataclass(frozen=True)
class IntervalRow:
    """A line of a forest plot; None and what is not finite are absent.

    Attributes:
        label: stands at the left.
        estimate: in the units of the x axis.
        low: lower end of the 95 % interval; without both ends the estimate is hollow.
        high: upper end.
        group: heading under which the row stands; "" for none.
        note: stands at the right, such as "9 of 10".
        second: another estimate with its low and high end, in a second colour.
    """

    label: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    group: str = ""
    note: str = ""
    second: Estimate | None = None


@dataclass(frozen=True)
class _Line:
    """A line as it is placed: its text, its height from the top in rows, and its row unless it is a heading."""

    text: str
    y: float
    row: IntervalRow | None


def draw_intervals(
    rows: Sequence[IntervalRow],
    path: Path,
    *,
    title: str,
    x_label: str,
    reference: float | None = None,
    reference_label: str = "",
    x_range: tuple[float, float] | None = None,
    names: tuple[str, str] | None = None,
    note_heading: str = "",
) -> None:
    """Draw a forest plot and write it as PNG, whole or not at all.

    Args:
        rows: about 45 at most; groups stand in the order in which they first come.
        path: the figure's place.
        title: the figure's.
        x_label: what is estimated, with its unit.
        reference: where an upright line stands, such as the value of no effect.
        reference_label: what stands there.
        x_range: ends of the x axis; an arrow shows what goes on beyond. None to show everything.
        names: of the first and the second estimate; needed where a row has two.
        note_heading: stands above the notes.

    Raises:
        ValueError: no row, or second estimates without names.
        UserError: there is no room, or the place may not be written.
    """
    if not rows:
        raise ValueError("draw_intervals needs at least one row")
    if names is None and any(row.second for row in rows):
        raise ValueError("rows with a second estimate need names=(FIRST, SECOND)")
    placed, height = _lines(rows)
    first, second = _colours(names)
    with style.styled():
        figure, axes = _empty(height, x_range)
        for line in placed:
            if line.row:
                _draw_row(axes, line.row, line.y, (first, second), x_range)
        if reference is not None:
            axes.axvline(reference, **_REFERENCE, zorder=1)
        _number(axes, x_label, both=len(rows) >= _LONG)
        _write_notes(axes, placed, note_heading)
        _write_labels(figure, axes, placed)
        upright = "" if reference is None else reference_label
        style.head(figure, title, _legend(rows, names, (first, second), upright))
        style.save(figure, path)


def _lines(rows: Sequence[IntervalRow]) -> tuple[list[_Line], float]:
    """Return the lines from the top down, gathered by group, and their height together in rows."""
    placed: list[_Line] = []
    top = 0.0
    for group in dict.fromkeys(row.group for row in rows):
        if placed:
            top += 0.45
        if group:
            placed.append(_Line(group, top + 0.5, None))
            top += 1
        for row in (row for row in rows if row.group == group):
            text = textwrap.wrap(row.label, _LETTERS)
            height = (1.2 if row.second else 1.0) + _MORE * max(len(text) - 1, 0)
            placed.append(_Line("\n".join(text), top + height / 2, row))
            top += height
    return placed, top


def _empty(height: float, x_range: tuple[float, float] | None) -> tuple["Figure", "Axes"]:
    """Return a figure as high as its lines need, with an axis that counts rows downwards."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.5 + _LINE * height))
    axes = figure.subplots()
    axes.set_ylim(height + 0.15, -0.15)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    if x_range:
        axes.set_xlim(*x_range)
    return figure, axes


def _draw_row(
    axes: "Axes", row: IntervalRow, y: float, pair: tuple[str, str], x_range: tuple[float, float] | None
) -> None:
    axes.axhline(y, color=colours.GRID, linewidth=0.8, zorder=0.5)
    apart = _APART if row.second else 0.0
    drawn = _draw_estimate(axes, (row.estimate, row.low, row.high), y - apart, (pair[0], _FILLED), x_range)
    if row.second:
        drawn = _draw_estimate(axes, row.second, y + apart, (pair[1], _SECOND), x_range) or drawn
    if not drawn:
        axes.text(
            0.01, y, "no value", transform=axes.get_yaxis_transform(), va="center_baseline", color=colours.MUTED,
            bbox={"facecolor": colours.PAPER, "linewidth": 0, "pad": 1.5},
        )  # fmt: skip


def _draw_estimate(
    axes: "Axes", estimate: Estimate, y: float, look: tuple[str, str], x_range: tuple[float, float] | None
) -> bool:
    """Draw a point on its interval, arrows where they leave the axis; return False where there is no value."""
    value, low, high = (_finite(number) for number in estimate)
    if value is None:
        return False
    colour, marker = look
    left, right = x_range or (-math.inf, math.inf)
    ends = [value] if low is None or high is None else [low, high]
    if len(ends) == 2:
        within = [min(max(end, left), right) for end in ends]
        axes.plot(within, [y, y], color=colour, linewidth=1.8, solid_capstyle="butt")
    if min(ends) < left:
        _draw_point(axes, left, y, colour, "<", filled=True)
    if max(ends) > right:
        _draw_point(axes, right, y, colour, ">", filled=True)
    if left <= value <= right:
        _draw_point(axes, value, y, colour, marker, filled=len(ends) == 2)
    return True


def _draw_point(axes: "Axes", x: float, y: float, colour: str, marker: str, *, filled: bool) -> None:
    # Not cut at the axis: a share of 0 or 1 is a whole point.
    axes.plot([x], [y], **_point(colour, marker, filled=filled), clip_on=False, zorder=3)


def _point(colour: str, marker: str, *, filled: bool) -> dict[str, Any]:
    """Return how a point looks, on the axes as in the legend."""
    size = 4.6 if marker == _SECOND else 5.6
    face = colour if filled else colours.PAPER
    return {
        "color": colour, "marker": marker, "linestyle": "", "markersize": size,
        "markerfacecolor": face, "markeredgewidth": 1.3,
    }  # fmt: skip


def _finite(number: float | None) -> float | None:
    if number is None or not math.isfinite(number):
        return None
    return min(max(float(number), -lines.LARGEST), lines.LARGEST)


def _number(axes: "Axes", label: str, *, both: bool) -> None:
    """Label and number the x axis; a long plot's at its top too."""
    scales.linear_x(axes, parts=8)
    axes.set_xlabel(label)
    axes.tick_params(axis="x", labeltop=both, top=both)


def _write_notes(axes: "Axes", placed: Sequence[_Line], heading: str) -> None:
    """Write the notes in a column at the right."""
    for line in placed:
        if line.row and line.row.note:
            axes.text(
                1.025, line.y, line.row.note, transform=axes.get_yaxis_transform(),
                va="center_baseline", parse_math=False,
            )  # fmt: skip
    if heading:
        axes.annotate(
            heading, (1.025, 1), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points",
            color=colours.MUTED, parse_math=False,
        )  # fmt: skip


def _write_labels(figure: "Figure", axes: "Axes", placed: Sequence[_Line]) -> None:
    """Write labels and headings in a column at the left, all from one left edge, headings bold."""
    axes.set_yticks([line.y for line in placed], [line.text for line in placed])
    labels = axes.get_yticklabels()
    for label, line in zip(labels, placed, strict=True):
        label.set(ha="left", color=colours.INK, parse_math=False, fontweight="normal" if line.row else "bold")
    axes.tick_params(axis="y", pad=max(style.size(figure, label)[0] for label in labels) * 72 + 12)


def _legend(
    rows: Sequence[IntervalRow], names: tuple[str, str] | None, pair: tuple[str, str], reference_label: str
) -> dict[str, Any]:
    """Say what the two colours are, what a line and a hollow point, and what the upright line."""
    from matplotlib.lines import Line2D

    two = names if any(row.second for row in rows) else None
    entries: dict[str, Any] = {}
    if two:
        entries[two[0]] = Line2D([], [], **_point(pair[0], _FILLED, filled=True))
        entries[two[1]] = Line2D([], [], **_point(pair[1], _SECOND, filled=True))
    neutral = colours.MUTED if two else pair[0]
    estimates = [estimate for row in rows for estimate in _estimates(row) if _finite(estimate[0]) is not None]
    hollow = [estimate for estimate in estimates if None in map(_finite, estimate)]
    if len(hollow) < len(estimates):
        point = Line2D([], [], **_point(neutral, _FILLED, filled=True))
        line = Line2D([], [], color=neutral, linewidth=1.8)
        entries["95 % interval"] = line if two else (line, point)
    if hollow:
        entries["no interval"] = Line2D([], [], **_point(neutral, _FILLED, filled=False))
    if reference_label:
        entries[reference_label] = Line2D([], [], **_REFERENCE)
    return entries


def _estimates(row: IntervalRow) -> Iterator[Estimate]:
    yield row.estimate, row.low, row.high
    if row.second:
        yield row.second


def _colours(names: tuple[str, str] | None) -> tuple[str, str]:
    if names is None:
        return colours.TRAINING, colours.VALIDATION
    first, second = colours.by_name(names).values()
    return first, second
