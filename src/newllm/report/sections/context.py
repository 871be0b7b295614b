"""The context: how large it is after how many tokens, as training goes on, its numbers, and how fast it grows."""

from collections.abc import Sequence

import numpy as np

from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Heat, Line, Section
from newllm.report.charts.figure import figure
from newllm.report.charts.grid import grid_of
from newllm.report.charts.lines import signal_line
from newllm.report.charts.marks import marks_of
from newllm.report.markup import joined, tag
from newllm.report.source import Source
from newllm.words.labels import axis_label, target_label

_OF = "context_norm/position-"
_COLOURS = ("muted", "sky", "training", "context", "spike")  # of lines from the first evaluation to the last
_AROUND = {"context-growth": (0.9, 1.1), "lyapunov": (-0.1, 0.1)}  # neither grows nor fades in their middle
SHOWN = frozenset(("context_norm", "context_mean", "context_std", "context_growth", "loop_gain", "lyapunov"))


def context(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where the trace has nothing of a context."""
    positions = _positions(source)
    charts = [
        _heat(source, words, positions),
        _along(source, words, positions),
        _norm(source, words),
        _together(source, words, "context-spread", (("context_mean", "context"), ("context_std", "learning-rate"))),
        _together(source, words, "context-growth", (("loop_gain", "context"), ("context_growth", "learning-rate"))),
        _lyapunov(source, words),
    ]
    found = [chart for chart in charts if chart is not None]
    if not found:
        return None
    wide = [figure(chart, words) for chart in found if isinstance(chart, Heat)]
    small = [figure(chart, words) for chart in found if not isinstance(chart, Heat)]
    how = words("context-how_recorded" if source.facts.origin == "record" else "context-how")
    html = joined([tag("p", how), *wide, tag("div", *small, kind="charts")])
    return Section(source.id("context"), words("context"), html, tuple(found))


def _positions(source: Source) -> list[int]:
    ends = [name.removeprefix(_OF) for name in source.trace.signals if name.startswith(_OF)]
    return sorted(int(end) for end in ends if end.isascii() and end.isdigit() and len(end) < 10)[:64]


def _heat(source: Source, words: Catalogue, positions: list[int]) -> Heat | None:
    grid = grid_of([source.trace.signals[f"{_OF}{position}"] for position in positions])
    if grid is None or len(positions) < 2:
        return None
    rows = tuple(target_label(words, f"position-{position}") for position in reversed(positions))
    return Heat(
        source.id("context-by-position"), words("chart-context-by-position"), axis_label(words, source.trace.axis), "",
        grid.x, rows, grid.values[::-1], marks_of(source, words, SHOWN), about=words("about-context-by-position"),
    )  # fmt: skip


def _along(source: Source, words: Catalogue, positions: list[int]) -> Curves | None:
    """Return the norm over the positions of a text, at a few steps of the training."""
    grid = grid_of([source.trace.signals[f"{_OF}{position}"] for position in positions])
    if grid is None or len(positions) < 3:
        return None
    whole = np.flatnonzero(np.isfinite(grid.values).all(axis=0))
    chosen = whole[np.unique(np.linspace(0, len(whole) - 1, len(_COLOURS)).astype(int))] if len(whole) else whole
    axis = axis_label(words, source.trace.axis)
    lines = [
        Line(
            f"at-{at}", words("at", axis=axis, span=f"{grid.x[at]:,}"), colour, np.array(positions), grid.values[:, at]
        )
        for at, colour in zip(chosen.tolist(), _COLOURS[-len(chosen) :], strict=True)
    ]
    if not lines:
        return None
    return Curves(
        source.id("context-along"), words("chart-context-along"), words("axis-position"), "", tuple(lines), log=True,
        about=words("about-context-along"), log_x=positions[0] > 0,
    )  # fmt: skip


def _norm(source: Source, words: Catalogue) -> Curves | None:
    line = signal_line(source, words, "context_norm", "context")
    return None if line is None else _curves(source, words, "context-norm", [line], log=bool(np.all(line.y > 0)))


def _together(source: Source, words: Catalogue, name: str, signals: Sequence[tuple[str, str]]) -> Curves | None:
    """Return a chart of some signals, each with its colour; None where the trace has none of them."""
    found = [signal_line(source, words, signal, colour) for signal, colour in signals]
    lines = [line for line in found if line is not None]
    return _curves(source, words, name, lines, around=_AROUND.get(name)) if lines else None


def _lyapunov(source: Source, words: Catalogue) -> Curves | None:
    line = signal_line(source, words, "lyapunov", "context")
    return None if line is None else _curves(source, words, "lyapunov", [line], around=_AROUND["lyapunov"])


def _curves(
    source: Source, words: Catalogue, name: str, lines: list[Line], *, log: bool = False,
    around: tuple[float, float] | None = None,
) -> Curves:  # fmt: skip
    return Curves(
        source.id(name), words(f"chart-{name}"), axis_label(words, source.trace.axis), "", tuple(lines),
        marks_of(source, words, [line.name for line in lines]), log=log, about=words(f"about-{name}"),
        around=around,
    )  # fmt: skip
