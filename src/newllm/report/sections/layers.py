"""Layer by step: where a gradient vanishes or explodes, a weight moves too much, a scale grows, first and how far."""

import numpy as np

from newllm.messages import Catalogue
from newllm.report.charts.chart import Heat, Section
from newllm.report.charts.figure import figure
from newllm.report.charts.grid import Grid, grid_of
from newllm.report.charts.marks import first_fault, marks_of
from newllm.report.markup import joined, tag
from newllm.report.source import Source
from newllm.words.labels import axis_label
from newllm.words.plain import plain

STATISTICS = ("gradient_norm", "update_ratio", "activation_rms", "second_moment_mismatch", "read_error", "context_rank")
_CENTRES = {"update_ratio": 1e-3, "second_moment_mismatch": 1.0}
_MOST_ROWS = 240
_MARKS = 2


def layers(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where nothing was measured by layer."""
    charts = [chart for name in STATISTICS if (chart := _heat(source, words, name)) is not None]
    if not charts:
        return None
    left = max(len(_names(source, name)) for name in STATISTICS) - _MOST_ROWS
    parts = [
        tag("p", words("layers-how")),
        *(figure(chart, words) for chart in charts),
        *([tag("p", words("more_layers", count=f"{left:,}"), kind="muted")] if left > 0 else []),
    ]
    return Section(source.id("layers"), words("layers"), joined(parts), tuple(charts))


def _heat(source: Source, words: Catalogue, statistic: str) -> Heat | None:
    names = _names(source, statistic)[:_MOST_ROWS]
    grid: Grid | None = grid_of([source.trace.signals[f"{statistic}/{name}"] for name in names])
    if grid is None or not np.isfinite(grid.values).any():
        return None
    marks = marks_of(source, words, [statistic])[-_MARKS:] or first_fault(source, words)
    rows = tuple(plain(name, 80) for name in names)
    return Heat(
        source.id(statistic.replace("_", "-")), words(f"layer-{statistic}"), axis_label(words, source.trace.axis),
        "", grid.x, rows, grid.values, marks, about=words(f"about-{statistic}"), centre=_CENTRES.get(statistic),
    )  # fmt: skip


def _names(source: Source, statistic: str) -> list[str]:
    """Return the layers of which a statistic was recorded, in the model's order where it is known."""
    order = {layer.name: place for place, layer in enumerate(source.facts.layers)}
    recorded = [name for name in source.trace.signals if name.startswith(f"{statistic}/")]
    names = [name.split("/", 1)[1] for name in recorded if len(source.trace.signals[name].step)]
    return sorted(names, key=lambda name: order.get(name, len(order)))
