"""How every figure looks, and how it reaches the disk: whole or not at all.

The object interface of matplotlib only: no pyplot, so no global figure, no window and no display.
"""

import io
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newllm.files import write_bytes
from newllm.plotting import colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def styled() -> AbstractContextManager[None]:
    """Return the context in which figures take the project's style; after it the caller's is back."""
    from matplotlib import rc_context, rcParamsDefault

    # From the defaults up, so that a matplotlibrc on the machine changes nothing. The backend is no style.
    base = {key: value for key, value in rcParamsDefault.items() if not key.startswith("backend")}
    return rc_context(base | _STYLE)


def save(figure: "Figure", path: Path) -> None:
    """Render a figure as PNG and write it whole or not at all.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    content = io.BytesIO()
    with warnings.catch_warnings():
        # A title may quote a name in a script that the font lacks: boxes there are no reason to complain.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        FigureCanvasAgg(figure).print_png(content)
    write_bytes(path, content.getvalue())
