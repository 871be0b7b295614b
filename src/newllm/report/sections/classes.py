"""Training loss beside validation by class of the target: words seen in training, unknown ones, the end of a text.

The gap between training and validation says nothing before it is split like this.
"""

import numpy as np

from newllm.report import words as said
from newllm.report.charts.chart import Curves, Line, Section
from newllm.report.charts.figure import figure
from newllm.report.charts.lines import logarithmic, signal_line
from newllm.report.language import Words
from newllm.report.language.labels import axis_label, target_label
from newllm.report.markup import Html, joined, table, tag
from newllm.report.source import Source

_OF = "validation_loss/"
_COLOURS = {"seen": "validation", "unknown": "spike", "end": "context"}
_FREE = ("sky", "learning-rate", "muted")
_MOST = 6


def classes(source: Source, words: Words) -> Section | None:
    """Return the section, None where validation was not measured by class."""
    named = [name.removeprefix(_OF) for name in source.trace.signals if name.startswith(_OF)]
    ordered = sorted(named, key=lambda name: (list(_COLOURS).index(name) if name in _COLOURS else 9, name))[:_MOST]
    lines = [line for at, name in enumerate(ordered) if (line := _line(source, words, name, at)) is not None]
    if not lines:
        return None
    training = signal_line(source, words, "loss", "training", few=True)
    drawn = ([training] if training else []) + lines
    chart = Curves(
        source.id("by-class"), words("chart.by-class"), axis_label(words, source.trace.axis), words("unit.loss"),
        tuple(drawn), log=logarithmic(*drawn), about=words("about.by-class"),
    )  # fmt: skip
    html = joined([tag("p", words("classes.why")), figure(chart, words), _counts(source, words, ordered)])
    return Section(source.id("classes"), words("classes"), html, (chart,))


def _line(source: Source, words: Words, name: str, at: int) -> Line | None:
    colour = _COLOURS.get(name) or _FREE[at % len(_FREE)]
    label = words("validation_of", target=target_label(words, name))
    return signal_line(source, words, f"{_OF}{name}", colour, label=label)


def _counts(source: Source, words: Words, names: list[str]) -> Html:
    total = _last(source, "validation_count")
    rows = [_row(source, words, name, total) for name in names]
    heads = [words("class"), words("targets"), words("share"), words("first"), words("lowest"), words("last")]
    return table(heads, rows, about=words("chart.by-class"))


def _row(source: Source, words: Words, name: str, total: float | None) -> list[str]:
    loss = source.trace.series(f"{_OF}{name}").value
    finite = loss[np.isfinite(loss)]
    count = _last(source, f"validation_count/{name}")
    share = f"{100 * count / total:.1f} %" if count is not None and total else ""
    told = [loss[0], finite.min() if len(finite) else np.nan, loss[-1]] if len(loss) else []
    values = [said.number(float(value)) for value in told] or ["", "", ""]
    return [target_label(words, name), "" if count is None else f"{count:,.0f}", share, *values]


def _last(source: Source, name: str) -> float | None:
    value = source.trace.series(name).value
    return float(value[-1]) if len(value) and np.isfinite(value[-1]) else None
