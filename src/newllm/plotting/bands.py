"""Small multiples of named bands: how a signal went in many runs of each of a few kinds.

A panel is a kind of run; a band is a signal's quartiles over its runs, with a line for the median. A panel
can shade a stretch of x and show points from elsewhere, so that a claim and what was measured stand in one
picture. Meant for some hundred points a band: nothing is decimated, and what is not finite is a gap.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from newllm.plotting import axes as scales
from newllm.plotting import colours, lines, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = Sequence[float | None] | np.ndarray
_LEAST_SHARE = 1 / 8  # of a common y axis that a panel must fill for the axis to be common
_LETTERS = 108  # of a panel's title, over the width of the figure
_MARK: dict[str, Any] = {
    "marker": "o", "linestyle": "", "markersize": 4.6, "markeredgewidth": 1.2, "markerfacecolor": "none",
}  # fmt: skip


@dataclass(frozen=True)
class Band:
    """A signal's quartiles over several runs; None and what is not finite are gaps.

    Attributes:
        name: what the legend calls it; one name has one colour in all panels.
        x: positions, rising, such as epochs.
        low: lower quartile at each position; all None where there is but a line to draw.
        middle: median at each position.
        high: upper quartile at each position.

    Raises:
        ValueError: the lengths differ.
    """

    name: str
    x: Values
    low: Values
    middle: Values
    high: Values

    def __post_init__(self) -> None:
        lengths = [len(values) for values in (self.x, self.low, self.middle, self.high)]
        if len(set(lengths)) > 1:
            raise ValueError(f"band '{self.name}': x, low, middle and high have {lengths} values, not equally many")


@dataclass(frozen=True)
class BandPanel:
    """A panel.

    Attributes:
        title: stands above it.
        bands: drawn in this order, the last on top.
        window: a stretch of x to shade.
        marks: points (x, y) to draw as open circles, such as the figures that a document prints.
    """

    title: str
    bands: Sequence[Band]
    window: tuple[float, float] | None = None
    marks: Sequence[tuple[float, float]] = ()


def draw_bands(
    panels: Sequence[BandPanel],
    path: Path,
    *,
    title: str,
    x_label: str,
    y_label: str,
    logarithmic: bool = False,
    window_label: str = "",
    marks_label: str = "",
) -> None:
    """Draw bands as small multiples and write them as PNG, whole or not at all.

    All panels share the x axis. They share the y axis too, unless that would press one of them flat.

    Args:
        panels: two to four stand in a row; about eight are the most that stay readable.
        path: the figure's place.
        title: the figure's.
        x_label: name of x, with its unit.
        y_label: name of y, with its unit.
        logarithmic: the y axes are; what is not positive is then a gap.
        window_label: what the shaded stretches are.
        marks_label: what the circles are.

    Raises:
        ValueError: no panel, or more names than there are colours.
        UserError: there is no room, or the place may not be written.
    """
    if not panels:
        raise ValueError("draw_bands needs at least one panel")
    colour_of = colours.by_name([band.name for panel in panels for band in panel.bands])
    with style.styled():
        figure, places = _grid(len(panels), share_y=_comparable(panels, logarithmic))
        for axes, panel in zip(places, panels, strict=True):
            _draw_panel(axes, panel, colour_of, logarithmic)
        for axes, panel in zip(places, panels, strict=True):  # ranges are known now, and common ones complete
            _finish(axes, panel, logarithmic, letters=_LETTERS // _columns(len(panels)))
        _label(places, x_label, y_label)
        style.head(figure, title, _legend(panels, colour_of, window_label, marks_label))
        style.save(figure, path)


def _columns(count: int) -> int:
    """Return how many panels stand in a row."""
    return {4: 2, 5: 3, 6: 3}.get(count, min(count, 4))


def _grid(count: int, *, share_y: bool) -> tuple["Figure", list["Axes"]]:
    """Return a figure and its panels, row by row."""
    from matplotlib.figure import Figure

    columns = _columns(count)
    rows = -(-count // columns)
    figure = Figure(figsize=(11, 1.3 + (3.9 if rows == 1 else 2.7 * rows)))
    grid = figure.subplots(rows, columns, sharex=True, sharey=share_y, squeeze=False).ravel().tolist()
    for absent in grid[count:]:
        absent.remove()
    return figure, grid[:count]


def _comparable(panels: Sequence[BandPanel], logarithmic: bool) -> bool:
    """Say whether one y axis shows every panel well."""
    heights = [
        np.log(values) if logarithmic else values for panel in panels if len(values := _heights(panel, logarithmic))
    ]
    if not heights:
        return True
    together = np.ptp(np.concatenate(heights))
    return all(np.ptp(values) >= _LEAST_SHARE * together for values in heights)


def _heights(panel: BandPanel, logarithmic: bool) -> np.ndarray:
    """Return every y that a panel draws."""
    values = [_drawable(y, logarithmic) for band in panel.bands for y in (band.low, band.middle, band.high)]
    together = np.concatenate([*values, _drawable([y for _, y in panel.marks], logarithmic)])
    return together[np.isfinite(together)]


def _drawable(values: Values, logarithmic: bool) -> np.ndarray:
    """Return values as they can be drawn, NaN in their gaps."""
    array = np.asarray(values, dtype=float)  # None becomes NaN
    seen = np.isfinite(array) & (array > 0) if logarithmic else np.isfinite(array)
    return np.where(seen, np.clip(array, -lines.LARGEST, lines.LARGEST), np.nan)


def _draw_panel(axes: "Axes", panel: BandPanel, colour_of: dict[str, str], logarithmic: bool) -> None:
    if panel.window:
        axes.axvspan(*panel.window, color=colours.MUTED, alpha=0.15, linewidth=0, zorder=0.6)
    for band in panel.bands:
        _draw_band(axes, band, colour_of[band.name], logarithmic)
    if panel.marks:
        x, y = zip(*panel.marks, strict=True)
        axes.plot(x, _drawable(y, logarithmic), color=colours.INK, zorder=4, **_MARK)


def _draw_band(axes: "Axes", band: Band, colour: str, logarithmic: bool) -> None:
    """Draw a band and its line; a value without neighbours as an upright and a dot."""
    x = np.asarray(band.x, dtype=float)
    low, middle, high = (_drawable(values, logarithmic) for values in (band.low, band.middle, band.high))
    axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
    alone = lines.lonely(low + high)
    axes.vlines(x[alone], low[alone], high[alone], color=colour, alpha=0.22, linewidth=4)
    axes.plot(
        x, middle, color=colour, linewidth=1.7,
        marker="o", markersize=3.2, markevery=np.flatnonzero(lines.lonely(middle)).tolist(),
    )  # fmt: skip


def _finish(axes: "Axes", panel: BandPanel, logarithmic: bool, *, letters: int) -> None:
    axes.set_title("\n".join(textwrap.wrap(panel.title, letters)), fontsize=10, parse_math=False)
    if len(_heights(panel, logarithmic)):
        (scales.logarithmic if logarithmic else scales.linear)(axes)
        scales.linear_x(axes)
    else:
        scales.say_instead(axes, scales.NOTHING)


def _label(places: Sequence["Axes"], x_label: str, y_label: str) -> None:
    """Name x under the last panel of every column, and y beside the first of every row."""
    columns = _columns(len(places))
    for axes in places[-columns:]:
        axes.set_xlabel(x_label)
        axes.tick_params(labelbottom=True)
    for axes in places[::columns]:
        axes.set_ylabel(y_label)


def _legend(
    panels: Sequence[BandPanel], colour_of: dict[str, str], window_label: str, marks_label: str
) -> dict[str, Any]:
    """Say once what the colours, the shade and the circles are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: dict[str, Any] = {
        name: (Patch(color=colour, alpha=0.22, linewidth=0), Line2D([], [], color=colour, linewidth=1.7))
        for name, colour in colour_of.items()
    }
    if window_label and any(panel.window for panel in panels):
        entries[window_label] = Patch(color=colours.MUTED, alpha=0.15, linewidth=0)
    if marks_label and any(panel.marks for panel in panels):
        entries[marks_label] = Line2D([], [], color=colours.INK, **_MARK)
    return entries
