"""Training loss beside validation by class of the target: words seen in training, unknown ones, the end of a text.

The gap between training and validation says nothing before it is split like this.
"""

from dataclasses import replace

import numpy as np

from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Line, Section
from newllm.report.charts.figure import figure
from newllm.report.charts.lines import logarithmic, signal_line
from newllm.report.markup import Html, joined, table, tag
from newllm.report.source import Source
from newllm.words.labels import axis_label, target_label
from newllm.words.numbers import number

_TRAINING, _VALIDATION = "loss/", "validation_loss/"
_SAID = {_VALIDATION: "validation_of", _TRAINING: "training_of"}
_COLOURS = {"seen": "learning-rate", "unknown": "spike", "end": "context"}
_FREE = ("sky", "validation", "muted")
_MOST = 6


def classes(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where neither loss was measured by class."""
    named = {name for of in _SAID for name in _measured(source, of)}
    ordered = sorted(named, key=lambda name: (list(_COLOURS).index(name) if name in _COLOURS else 9, name))[:_MOST]
    drawn = [line for at, name in enumerate(ordered) for line in _lines(source, words, name, at)]
    if not drawn:
        return None
    split = bool(_measured(source, _TRAINING))
    if not split and (training := signal_line(source, words, "loss", "training", few=True)) is not None:
        drawn.insert(0, training)
    dashed = [words("dashed-by-class")] if split else []
    chart = Curves(
        source.id("by-class"), words("chart-by-class"), axis_label(words, source.trace.axis), words("unit-loss"),
        tuple(drawn), log=logarithmic(*drawn), about=" ".join([words("about-by-class"), *dashed]),
    )  # fmt: skip
    html = joined([tag("p", words("classes-why")), figure(chart, words), _counts(source, words, ordered)])
    return Section(source.id("classes"), words("classes"), html, (chart,))


def _measured(source: Source, of: str) -> list[str]:
    """Return the classes of which a loss was measured; a part of a loss that a log calls "loss/box" is none."""
    there = {name for name, series in source.trace.signals.items() if len(series.step)}
    named = [name.removeprefix(of) for name in source.trace.signals if name in there and name.startswith(of)]
    return [name for name in named if name in _COLOURS or f"{_counted(of)}{name}" in there]


def _counted(of: str) -> str:
    return of.replace("loss/", "count/")


def _lines(source: Source, words: Catalogue, name: str, at: int) -> list[Line]:
    """Return a class's validation and training loss, of one colour, the second dashed."""
    colour = _COLOURS.get(name) or _FREE[at % len(_FREE)]
    labelled = [(f"{of}{name}", _label(words, of, name)) for of in _SAID if name in _measured(source, of)]
    lines = [signal_line(source, words, signal, colour, label=label) for signal, label in labelled]
    return [replace(line, dash=dash) for dash, line in enumerate(line for line in lines if line is not None)]


def _label(words: Catalogue, of: str, name: str) -> str:
    return words(_SAID[of], target=target_label(words, name))


def _counts(source: Source, words: Catalogue, names: list[str]) -> Html:
    rows = [_row(source, words, of, name) for name in names for of in _SAID if name in _measured(source, of)]
    heads = [words("class"), words("targets"), words("share"), words("first"), words("lowest"), words("last")]
    return table(heads, rows, about=words("chart-by-class"))


def _row(source: Source, words: Catalogue, of: str, name: str) -> list[str]:
    loss = source.trace.series(f"{of}{name}").value
    finite = loss[np.isfinite(loss)]
    count, total = _targets(source, of, name)
    share = f"{100 * count / total:.1f} %" if count is not None and total else ""
    told = [loss[0], finite.min() if len(finite) else np.nan, loss[-1]]
    values = [number(words, float(value)) for value in told]
    return [_label(words, of, name), "" if count is None else f"{count:,.0f}", share, *values]


def _targets(source: Source, of: str, name: str) -> tuple[float | None, float]:
    """Return the targets of a class where they were counted last, and those of all classes at that step."""
    own = source.trace.series(f"{_counted(of)}{name}")
    if not len(own.step):
        return None, 0.0
    parts = [source.trace.series(f"{_counted(of)}{other}") for other in _measured(source, of)]
    return float(own.value[-1]), sum(float(part.value[part.step == own.step[-1]].sum()) for part in parts)
