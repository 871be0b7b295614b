"""How a cost grows with a size: medians on logarithmic axes, with a band from least to most."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newllm.plotting import axes as scales
from newllm.plotting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SOLID, DASHED, DOTTED, MIXED = "-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (5, 1.5, 1.2, 1.5))


@dataclass(frozen=True)
class Look:
    """How a line is drawn.

    Attributes:
        colour: one of `colours`.
        dashes: `SOLID`, `DASHED`, `DOTTED` or `MIXED`.
        strong: it stands out: heavier, and on top.
    """

    colour: str
    dashes: Any = SOLID
    strong: bool = False


@dataclass(frozen=True)
class ScalingLine:
    """A cost by size; where there is no number there is no point.

    Attributes:
        name: what the legend calls it; one name has one look in all panels.
        look: colour and dashes.
        x: sizes, rising, above 0.
        low, middle, high: least, median and most of the cost at each.
    """

    name: str
    look: Look
    x: Sequence[float]
    low: Sequence[float]
    middle: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class ScalingPanel:
    """Lines under a title."""

    title: str
    lines: Sequence[ScalingLine]


def draw_scaling(panels: Sequence[ScalingPanel], path: Path, *, title: str, x_label: str, y_label: str) -> None:
    """Draw panels side by side and write them as PNG, whole or not at all.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    from matplotlib.figure import Figure

    with style.styled():
        figure = Figure(figsize=(11, 5.4))
        places = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False).ravel().tolist()
        for axes, panel in zip(places, panels, strict=True):
            for line in panel.lines:
                _draw(axes, line)
            axes.set_title(panel.title, fontsize=10)
            axes.set_xlabel(x_label)
        places[0].set_ylabel(y_label)
        _number(places, sorted({x for panel in panels for line in panel.lines for x in line.x}))
        style.head(figure, title, _legend(panels))
        style.save(figure, path)


def _draw(axes: "Axes", line: ScalingLine) -> None:
    look = line.look
    axes.fill_between(line.x, line.low, line.high, color=look.colour, alpha=0.18, linewidth=0)
    axes.plot(
        line.x, line.middle, color=look.colour, linestyle=look.dashes, linewidth=2.6 if look.strong else 1.5,
        marker="o", markersize=4.2 if look.strong else 3, zorder=4 if look.strong else 3,
    )  # fmt: skip


def _number(places: "Sequence[Axes]", sizes: Sequence[float]) -> None:
    for axes in places:
        axes.set_xscale("log")
        axes.set_xticks(sizes, [_size(int(size)) for size in sizes])
        axes.minorticks_off()
        scales.logarithmic(axes)


def _size(size: int) -> str:
    """Write a power of two short: 512, 2k (2,048), 64k (65,536)."""
    return f"{size // 1024}k" if size >= 1024 and size % 1024 == 0 else f"{size:,}"


def _legend(panels: Sequence[ScalingPanel]) -> dict[str, Any]:
    from matplotlib.lines import Line2D

    looks = {line.name: line.look for panel in panels for line in panel.lines}
    return {
        name: Line2D([], [], color=look.colour, linestyle=look.dashes, linewidth=2, marker="o", markersize=3)
        for name, look in looks.items()
    }
