"""The scales and tick labels of a panel: plain numbers a person reads, at every range."""

import math
from typing import TYPE_CHECKING

import numpy as np

from newllm.plotting import colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

NOTHING = "nothing recorded yet"
_STEPS = [1, 2, 2.5, 5, 10]  # never 1.5 or 3, which make odd numbers


def compact(value: float) -> str:
    """Write a number short: 0.05, 3e-4, 12.5, 10k, 1.5M, 2e30."""
    size = abs(value)
    if size >= 1e12 or 0 < size < 0.01:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{value / unit:.4g}{name}"
    return f"{value:.4g}"


_MOST = 0.5  # of a curve


def is_crushed(values: np.ndarray) -> bool:
    """Say whether a few values tower so far above the rest that a linear axis would flatten the rest."""
    finite = values[np.isfinite(values)]
    return len(finite) > 0 and bool(finite.min() > 0 and finite.max() > 20 * np.quantile(finite, 0.9))


def beside(value: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return another curve, with NaN where it is so far off that it would flatten this one.

    Args:
        value: (n,) of the curve that is looked at.
        other: (m,) of one that is drawn behind it.

    Returns:
        (m,), as it is where most of it is so far off.
    """
    own = value[np.isfinite(value)]
    if not len(own) or not len(other):
        return other
    low, high = float(own.min()), float(own.max())
    room = max(high - low, 0.1 * abs(high))
    far = (other > high + room) | (other < low - room)
    return other if far.mean() > _MOST else np.where(far, np.nan, other)


def linear(axes: "Axes") -> None:
    """Number a linear y axis with a few short numbers."""
    _number(axes.yaxis)


def linear_x(axes: "Axes", *, parts: int = 6) -> None:
    """Number a linear x axis with at most `parts` + 1 short numbers."""
    _number(axes.xaxis, parts=parts)


def logarithmic(axes: "Axes") -> None:
    """Make the y axis logarithmic; call it when everything is drawn, for the ticks follow the range."""
    axes.set_yscale("log")
    _number_logarithmic(axes.yaxis, *axes.get_ylim())


def logarithmic_from(axes: "Axes", size: float) -> None:
    """Make the y axis logarithmic beyond +-size (above 0) and linear between: 0 and signs stay visible."""
    from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

    axes.set_yscale("symlog", linthresh=size)
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=size))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))


def also_in(axes: "Axes", factor: float, unit: str) -> None:
    """Add an axis at the right with the left one's values times `factor`; the left one is finished by now."""
    there_and_back = (lambda left: np.multiply(left, factor), lambda right: np.divide(right, factor))
    right = axes.secondary_yaxis("right", functions=there_and_back)
    right.set_ylabel(unit)
    right.spines["right"].set_visible(False)
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        _number_logarithmic(right.yaxis, low * factor, high * factor)
    else:
        _number(right.yaxis)


def steps_or_epochs(axes: "Axes", label: str) -> None:
    """Label the x axis and number it with whole numbers, where it is long enough to hold any."""
    low, high = axes.get_xlim()
    if label == "step" and high - low < 1:  # one point: a step has no fractions and none is below 0
        axes.set_xlim(max(low - 1, 0), high + 1)
    _number(axes.xaxis, parts=6, integer=True)
    axes.set_xlabel(label)


def say_instead(axes: "Axes", text: str) -> None:
    """Write in an empty panel why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=colours.MUTED)
    axes.grid(visible=False)
    axes.tick_params(labelleft=False)


def _number(axis: "Axis", *, parts: int = 8, integer: bool = False) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(parts, steps=_STEPS, integer=integer))
    axis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))


def _number_logarithmic(axis: "Axis", low: float, high: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    decades = math.log10(high / low)
    if decades < 0.7:
        locator = MaxNLocator(5, steps=_STEPS)
    else:
        locator = LogLocator(subs=(1, 2, 5)) if decades < 2.5 else LogLocator(numticks=8)
    axis.set_major_locator(locator)
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
