"""How a cost grows: medians over a size on logarithmic axes, with a band from least to most."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newllm.plotting import axes as scales
from newllm.plotting import colours, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GREEN, _BLUE, _PURPLE, _ORANGE = colours.CONTEXT, colours.TRAINING, colours.LEARNING_RATE, colours.VALIDATION
_SOLID, _DASHED, _DOTTED, _MIXED = "-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (5, 1.5, 1.2, 1.5))
LOOKS: dict[str, tuple[str, Any]] = {
    "newllm stack": (_GREEN, _SOLID),
    "newllm stack, eager step": (_GREEN, _DOTTED),
    "newllm stack, fp32": (_GREEN, _SOLID),
    "newllm stack, bf16 weights": (_GREEN, _DASHED),
    "newllm stack, int8 weights": (_GREEN, _MIXED),
    "newllm attention": (_BLUE, _SOLID),
    "modern Transformer": (colours.SKY, _SOLID),
    "nanoGPT's shape": (_PURPLE, _SOLID),
    "transformers GPT-2": (_PURPLE, _SOLID),
    "GPT-2, static cache": (_PURPLE, _DASHED),
    "GPT-2, static cache, bf16": (_PURPLE, _DOTTED),
    "nn.LSTM": (_ORANGE, _SOLID),
    "nn.GRU": (_ORANGE, _DASHED),
    "minGRU-pytorch": (colours.SPIKE, _SOLID),
    "mambapy": (colours.INK, _SOLID),
    "transformers Mamba": (colours.INK, _DASHED),
    "rwkv (RWKV-7)": (colours.MUTED, _SOLID),
}
"""Colour and dashes by peer: one peer has one look in all figures, and what is ours is green."""


@dataclass(frozen=True)
class Line:
    """A cost by size; where there is no number there is no point."""

    name: str
    x: list[float]
    low: list[float]
    middle: list[float]
    high: list[float]

    @classmethod
    def of(cls, peer: str, size: str, key: str, cells: list[dict[str, Any]]) -> "Line":
        """Return the line of one peer from cells that have a number or a spread under `key`."""
        own = [(cell[size], cell[key]) for cell in cells if cell["peer"] == peer]
        spreads = [value if isinstance(value, dict) else dict.fromkeys(_KEYS, value) for _, value in own]
        low, middle, high = ([one[name] for one in spreads] for name in _KEYS)
        return cls(peer, [x for x, _ in own], low, middle, high)


_KEYS = ("least", "median", "most")


@dataclass(frozen=True)
class Panel:
    """Lines under a title."""

    title: str
    lines: Sequence[Line]


def draw_scaling(panels: Sequence[Panel], path: Path, *, title: str, x_label: str, y_label: str) -> None:
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


def _draw(axes: "Axes", line: Line) -> None:
    colour, dashes = LOOKS[line.name]
    own = colour == _GREEN
    axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(
        line.x, line.middle, color=colour, linestyle=dashes, linewidth=2.6 if own else 1.5,
        marker="o", markersize=4.2 if own else 3, zorder=4 if own else 3,
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


def _legend(panels: Sequence[Panel]) -> dict[str, Any]:
    from matplotlib.lines import Line2D

    names = dict.fromkeys(line.name for panel in panels for line in panel.lines)
    return {
        name: Line2D([], [], color=LOOKS[name][0], linestyle=LOOKS[name][1], linewidth=2, marker="o", markersize=3)
        for name in names
    }
