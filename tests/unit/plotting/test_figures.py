"""Whole figures against what somebody looked at: sizes, places, looks and legends, on small inputs with every case."""

import functools

import matplotlib
import numpy as np
import pytest

from newllm.plotting import (
    Band,
    BandPanel,
    IntervalRow,
    Look,
    ScalingLine,
    ScalingPanel,
    colours,
    draw_bands,
    draw_intervals,
    draw_scaling,
    draw_training_curves,
)
from newllm.plotting.scaling import DASHED, DOTTED, MIXED
from newllm.trace import Series, Trace

TWO_LINES = "a title that takes more than the eighty-four letters that one line of it may have, so two lines"


def _intervals(rows: int, **options) -> functools.partial:
    long = "an explanation which is so long that the label takes a second line"
    first = [
        IntervalRow("plain", 0.1, 0.0, 0.3, note="1 of 10"),
        IntervalRow(long, 0.5, 0.4, 0.6, "first", "2 of 10", second=(0.2, 0.1, 0.4)),
        IntervalRow("hollow", 0.7, None, 0.8, "first", second=(0.3, None, None)),
        IntervalRow("beyond", 0.0, -3.0, 3.0, "second", "3 of 10"),
        IntervalRow("far", 2.0, group="second"),
        IntervalRow("none", None, group="second"),
    ]
    more = [IntervalRow(f"row {at}", at / rows) for at in range(rows - len(first))]
    labels = {"title": TWO_LINES, "x_label": "share", "names": ("validation", "probe")}
    return functools.partial(draw_intervals, [*first, *more], **(labels | options))


def _panel(title: str, *bands: Band, **more) -> BandPanel:
    return BandPanel(title, bands, **more)


def _band(name: str, middle: list[float | None]) -> Band:
    low, high = ([None if one is None else one * by for one in middle] for by in (0.8, 1.5))
    return Band(name, range(1, 1 + len(middle)), low, middle, high)


WINDOW, MARKS = (2, 4), [(2, 3.0), (3, 4.0)]
LABELS = {"x_label": "epoch", "y_label": "loss", "window_label": "as claimed", "marks_label": "as printed"}
BANDS = [
    _panel("a heading of more than the fifty-four letters that it may have in each of two columns",
           _band("training", [4.0, 3.0, 2.0, 1.0]), _band("validation", [5.0, None, 4.0, None]),
           window=WINDOW, marks=MARKS),
    _panel("flat", _band("validation", [1.0, 1.1, 1.0]), _band("probe", [1.2, 1.2, 1.2])),
]  # fmt: skip
SIZES = (256, 1000, 65536)


def _line(name: str, look: Look) -> ScalingLine:
    return ScalingLine(name, look, SIZES, [1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [3.0, 4.0, 50.0])


OURS, THEIRS = _line("ours", Look(colours.CONTEXT, strong=True)), _line("theirs", Look(colours.SPIKE, DASHED))
OTHERS = _line("dotted", Look(colours.SKY, DOTTED)), _line("mixed", Look(colours.INK, MIXED))
SCALING = [ScalingPanel("left", [OURS, THEIRS]), ScalingPanel("right", OTHERS)]


def _series(values, every: int = 1) -> Series:
    return Series(every * np.arange(1, len(values) + 1), np.array(values, dtype=float))


def _curves(length: int, tower: float, gap: float, **options) -> functools.partial:
    """A run whose fifth loss towers, with a stretch that is no number; its best validation comes late."""
    t = np.arange(length)
    loss = 4 - 2 * t / length + 0.1 * (-1.0) ** t
    loss[4], loss[20:22] = tower, gap
    signals = {
        "loss": _series(loss),
        "validation_loss": _series([4.0, 3.5, 2.5, 3.0], 15),
        "accuracy": _series(t / length),
        "validation_accuracy": _series([0.1, np.nan, 0.3, np.nan, np.nan, np.nan], 10),
        "context_norm": _series(np.where(t == 7, tower, 1.0 + t / length)),
        "context_mean": _series(-0.1 * t / length),
        "context_std": _series(np.where(t == 9, tower, 0.2)),
        "learning_rate": _series(1e-3 * t / length),
    }
    known = {"title": "a run", "steps_per_epoch": None, "by_epoch": False, "bits_per_byte_factor": 0.5}
    return functools.partial(draw_training_curves, Trace(signals), **(known | options))


FIGURES = {
    "intervals-long": _intervals(25, reference=0.5, reference_label="no effect", note_heading="runs"),
    "intervals-within": _intervals(6, x_range=(-1.0, 1.0)),
    "intervals-alone": functools.partial(
        draw_intervals, [IntervalRow("a", 0.5, 0.4, 0.6), IntervalRow("b", 0.5)], title="one", x_label="x"
    ),
    "bands": functools.partial(draw_bands, BANDS, title=TWO_LINES, **LABELS),
    "bands-logarithmic": functools.partial(
        draw_bands, [*BANDS[:1], *[_panel("none"), _panel("another", _band("probe", [1.0, 100.0]))] * 2],
        title="five", logarithmic=True, **LABELS,
    ),
    "scaling": functools.partial(draw_scaling, SCALING, title="growth", x_label="size", y_label="seconds"),
    "curves": _curves(60, 2.0, 3.0, by_epoch=True, steps_per_epoch=8.0),
    "curves-smoothed": _curves(61, 1000.0, np.nan),
}  # fmt: skip


SEEN_WITH = "3.11"


@pytest.mark.skipif(
    not matplotlib.__version__.startswith(f"{SEEN_WITH}."),
    reason=f"the figures were looked at as matplotlib {SEEN_WITH} draws them",
)
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did_when_it_was_looked_at(name: str, looks_as_kept) -> None:
    looks_as_kept(name, FIGURES[name])
