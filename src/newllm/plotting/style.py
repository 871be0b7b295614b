"""How every figure looks, and how it reaches the disk: whole or not at all.

The object interface of matplotlib only: no pyplot, so no global figure, no window and no display.
"""

import io
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newllm.files import write_bytes
from newllm.plotting import colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

_STYLE: dict[str, Any] = {
    "figure.facecolor": colours.PAPER,
    "figure.dpi": 150,
    "font.family": ["DejaVu Sans"],  # it comes with matplotlib: one look on every machine
    "font.size": 9.5,
    "text.color": colours.INK,
    "axes.edgecolor": colours.MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": colours.MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.xmargin": 0.02,
    "axes.ymargin": 0.06,
    "grid.color": colours.GRID,
    "grid.linewidth": 0.8,
    "xtick.color": colours.MUTED,
    "ytick.color": colours.MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 1.6,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}

_LEFT = 0.012  # of a figure's width, left of everything
_EDGE = 0.12  # inches around a title and a legend
_LETTERS = 84  # of a title in one line


def styled() -> AbstractContextManager[None]:
    """Return the context in which figures take the project's style; after it the caller's is back."""
    from matplotlib import rc_context, rcParamsDefault

    # From the defaults up, so that a matplotlibrc on the machine changes nothing. The backend is no style.
    base = {key: value for key, value in rcParamsDefault.items() if not key.startswith("backend")}
    return rc_context(base | _STYLE)


def headline(figure: "Figure", title: str) -> "Text":
    """Set the figure's title, at its left and just as it is written."""
    return figure.suptitle(title, x=_LEFT, ha="left", fontsize=14, fontweight="bold", parse_math=False)


def head(figure: "Figure", title: str, entries: Mapping[str, Any]) -> None:
    """Set the title, under it one legend for all panels, and lay out the panels in the room below.

    Args:
        figure: complete but for this, without a layout engine.
        title: the figure's.
        entries: label -> handle, as matplotlib's legends take them.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    height = figure.get_figheight()
    text = headline(figure, "\n".join(textwrap.wrap(title, _LETTERS)))
    text.set(in_layout=False, y=1 - _EDGE / height)
    used = 2 * _EDGE + size(figure, text)[1]
    if entries:
        used += _legend(figure, entries, top=1 - used / height) + _EDGE / 2
    room, edge = (0, 0, 1, 1 - used / height), _LEFT * figure.get_figwidth()
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=edge, h_pad=_EDGE, wspace=0, hspace=0.02, rect=room))


def _legend(figure: "Figure", entries: Mapping[str, Any], *, top: float) -> float:
    """Put a legend into as few lines as the width allows; return its height in inches."""
    columns = len(entries)
    while True:
        legend = figure.legend(
            list(entries.values()), list(entries), loc="upper left", bbox_to_anchor=(_LEFT, top), ncols=columns,
            columnspacing=2.2, borderpad=0, borderaxespad=0,
        )  # fmt: skip
        legend.set_in_layout(False)
        for label in legend.get_texts():
            label.set_parse_math(False)
        width, height = size(figure, legend)
        if columns == 1 or width <= (1 - 2 * _LEFT) * figure.get_figwidth():
            return height
        legend.remove()
        columns -= 1


def size(figure: "Figure", artist: "Text | Legend") -> tuple[float, float]:
    """Return the width and height of something on a figure, in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with _any_script():
        extent = artist.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    return extent.width / figure.dpi, extent.height / figure.dpi


@contextmanager
def _any_script() -> Iterator[None]:
    """Measure and draw text in any script: where the font lacks it, boxes are no reason to complain."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def save(figure: "Figure", path: Path) -> None:
    """Render a figure as PNG and write it whole or not at all.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    content = io.BytesIO()
    with _any_script():
        FigureCanvasAgg(figure).print_png(content)
    write_bytes(path, content.getvalue())
