"""RUN/training_curves.png: the curves one looks at first, in one figure.

Loss, perplexity, accuracy, the context's norm, its mean and spread, and the learning rate over the same steps or
epochs. It works for a run of
no rows and of 100 000, and what is not finite is shown as a gap. No spike is decimated or cut away:
where one would crush the rest of its panel, the panel's scale becomes logarithmic and says so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from newllm.plotting import axes as scales
from newllm.plotting import colours, lines, style
from newllm.trace import Series, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 60  # points up to which each is drawn and none is smoothed
_SIGNALS = ("loss", "validation_loss", "accuracy", "validation_accuracy", "context_norm", "context_mean", "context_std",
            "learning_rate")  # fmt: skip
_PERPLEXITY_CUT = 1e12  # one spike of loss to 100 is a perplexity of 1e43 and would flatten all the others


@dataclass(frozen=True)
class _Curve:
    """A signal as it is drawn: `x` in steps or epochs, `y` clipped to what can be drawn, NaN in its gaps."""

    x: np.ndarray
    y: np.ndarray


def draw_training_curves(
    trace: Trace,
    path: Path,
    *,
    title: str,
    steps_per_epoch: float | None,
    by_epoch: bool,
    bits_per_byte_factor: float | None,
) -> None:
    """Draw the training curves of a run and write them as PNG, whole or not at all.

    Args:
        trace: the run's; its signals "loss" and "validation_loss" are in nats per token.
        path: the figure's place.
        title: the run's name.
        steps_per_epoch: needed to draw by epoch.
        by_epoch: the x axis counts epochs, not steps.
        bits_per_byte_factor: what turns nats per token into bits per byte; None where that has no meaning.

    Raises:
        ValueError: by epoch, but without steps per epoch.
        UserError: there is no room, or the place may not be written.
    """
    if by_epoch and not steps_per_epoch:
        raise ValueError("drawing by epoch needs steps_per_epoch")
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    unit = steps_per_epoch if by_epoch and steps_per_epoch else 1.0
    curves = {name: _curve(trace.series(name), unit) for name in _SIGNALS}
    training, validation = curves["loss"], curves["validation_loss"]
    with style.styled():
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, wspace=0.02, hspace=0.03)
        figure = Figure(figsize=(15, 7.2), layout=layout)
        panels = figure.subplots(2, 3, sharex=True)
        _draw_loss(panels[0, 0], training, validation, bits_per_byte_factor)
        _draw_perplexity(panels[0, 1], training, validation)
        _draw_accuracy(panels[0, 2], curves["accuracy"], curves["validation_accuracy"])
        absent = "this body has no context vector" if trace.signals else scales.NOTHING
        _draw_norm(panels[1, 0], curves["context_norm"], absent)
        _draw_spread(panels[1, 1], curves["context_mean"], curves["context_std"], absent)
        _draw_learning_rate(panels[1, 2], curves["learning_rate"])
        for panel in panels[1]:
            scales.steps_or_epochs(panel, "epoch" if by_epoch else "step")
        style.headline(figure, title)
        style.save(figure, path)


def _curve(series: Series, unit: float) -> _Curve:
    value = series.value
    drawable = np.where(np.isfinite(value), np.clip(value, -lines.LARGEST, lines.LARGEST), np.nan)
    return _Curve(series.step / unit, drawable)


def _draw_loss(axes: "Axes", training: _Curve, validation: _Curve, factor: float | None) -> None:
    crushed = scales.is_crushed(np.concatenate([training.y, validation.y]))
    _title(axes, "Loss", "nats per token, logarithmic" if crushed else "nats per token")
    _draw_pair(axes, training, validation)
    (scales.logarithmic if crushed else scales.linear)(axes)
    if factor and _any_finite(training, validation):
        scales.also_in(axes, factor, "bits per byte")


def _draw_perplexity(axes: "Axes", training: _Curve, validation: _Curve) -> None:
    limit = np.log(_PERPLEXITY_CUT)
    pair = [_Curve(curve.x, np.exp(np.minimum(curve.y, limit))) for curve in (training, validation)]
    cut = any((curve.y > limit).any() for curve in (training, validation))
    _title(axes, "Perplexity", f"logarithmic, cut at {scales.compact(_PERPLEXITY_CUT)}" if cut else "logarithmic")
    _draw_pair(axes, *pair)
    if _any_finite(*pair):
        scales.logarithmic(axes)


def _draw_accuracy(axes: "Axes", training: _Curve, validation: _Curve) -> None:
    _title(axes, "Accuracy", "share of right predictions")
    if _any_finite(training):  # a run from before it was recorded has none
        _draw_noisy(axes, training, colours.TRAINING, "training")
    _draw_line(axes, validation, colours.VALIDATION, "validation", linewidth=2)
    _finish(axes, training, validation)
    if _any_finite(training, validation):
        axes.legend(loc="best")
        axes.set_ylim(bottom=0)
    scales.linear(axes)


def _draw_norm(axes: "Axes", norm: _Curve, absent: str) -> None:
    crushed = scales.is_crushed(norm.y)
    _title(axes, "Context norm", "logarithmic" if crushed else "")
    _draw_noisy(axes, norm, colours.CONTEXT, "context norm")
    _finish(axes, norm, absent=absent)
    (scales.logarithmic if crushed else scales.linear)(axes)


def _draw_spread(axes: "Axes", mean: _Curve, std: _Curve, absent: str) -> None:
    """Draw the mean and the standard deviation of the context's numbers; the mean has a sign."""
    crushed = scales.is_crushed(std.y)
    _title(axes, "Context mean and deviation", "logarithmic from the middle of the deviation" if crushed else "")
    _draw_noisy(axes, mean, colours.CONTEXT, "mean")
    _draw_noisy(axes, std, colours.LEARNING_RATE, "standard deviation")
    _finish(axes, mean, std, absent=absent)
    if _any_finite(mean, std):
        axes.legend(loc="best")
    if crushed:
        scales.logarithmic_from(axes, float(np.nanmedian(std.y)))
    else:
        scales.linear(axes)


def _draw_learning_rate(axes: "Axes", rate: _Curve) -> None:
    _title(axes, "Learning rate", "")
    _draw_line(axes, rate, colours.LEARNING_RATE, "learning rate", linewidth=2)
    _finish(axes, rate)
    if _any_finite(rate) and rate.y[np.isfinite(rate.y)].min() >= 0:
        axes.set_ylim(bottom=0)
    scales.linear(axes)


def _draw_pair(axes: "Axes", training: _Curve, validation: _Curve) -> None:
    _draw_noisy(axes, training, colours.TRAINING, "training")
    _draw_line(axes, validation, colours.VALIDATION, "validation", linewidth=2)
    _mark_best(axes, validation)
    _finish(axes, training, validation)
    if _any_finite(training, validation):
        axes.legend(loc="upper right")


def _draw_noisy(axes: "Axes", curve: _Curve, colour: str, label: str) -> None:
    """Draw every value faintly and a smooth line over it; a short signal just as it is."""
    if len(curve.x) <= _FEW:
        _draw_line(axes, curve, colour, label, linewidth=2)
        return
    _draw_line(axes, curve, colour, None, linewidth=0.8, alpha=0.45)
    axes.plot(*lines.running_middle(curve.x, curve.y), color=colour, linewidth=2, label=label)


def _draw_line(
    axes: "Axes", curve: _Curve, colour: str, label: str | None, *, linewidth: float, alpha: float = 1.0
) -> None:
    x, y = lines.decimate(curve.x, curve.y)
    dotted = np.flatnonzero((len(x) <= _FEW) | lines.lonely(y))
    axes.plot(
        x, y, color=colour, alpha=alpha, linewidth=linewidth, label=label,
        marker="o" if len(dotted) else "", markersize=3.2, markevery=dotted.tolist(),
    )  # fmt: skip


def _mark_best(axes: "Axes", validation: _Curve) -> None:
    """Mark the lowest finite validation with a dot and its value."""
    if not np.isfinite(validation.y).any():
        return
    from matplotlib.patheffects import withStroke

    best = int(np.nanargmin(validation.y))
    x, y = float(validation.x[best]), float(validation.y[best])
    axes.plot([x], [y], "o", color=colours.VALIDATION, markersize=8, markeredgecolor=colours.INK, zorder=5)
    right = x > (validation.x[0] + validation.x[-1]) / 2
    axes.annotate(
        f"best {scales.compact(float(f'{y:.4g}'))}", (x, y), xytext=(-4 if right else 4, 20), zorder=6,
        textcoords="offset points", ha="right" if right else "left", fontweight="bold",
        path_effects=[withStroke(linewidth=3, foreground=colours.PAPER)],
        arrowprops={"arrowstyle": "-", "color": colours.INK, "linewidth": 0.8, "shrinkB": 4},
    )  # fmt: skip


def _finish(axes: "Axes", *curves: _Curve, absent: str = scales.NOTHING) -> None:
    """Mark where a curve is not finite, and say it where there is nothing to see."""
    label = "not finite"
    for curve in curves:
        for start, stop in lines.gaps(curve.x, curve.y):
            axes.axvspan(start, stop, color=colours.SPIKE, alpha=0.25, linewidth=1.2, zorder=0.3, label=label)
            label = "_"  # one entry in the legend is enough
    if not _any_finite(*curves):
        text = "not one finite value" if any(len(curve.x) for curve in curves) else absent
        scales.say_instead(axes, text)


def _any_finite(*curves: _Curve) -> bool:
    return any(np.isfinite(curve.y).any() for curve in curves)


def _title(axes: "Axes", name: str, unit: str) -> None:
    """Set a panel's title, with the unit small beside it."""
    title = axes.set_title(name, loc="left")
    axes.annotate(
        unit,
        (1, 0),
        xycoords=title,
        xytext=(7, 0.7),
        textcoords="offset points",
        va="bottom",
        color=colours.MUTED,
    )
