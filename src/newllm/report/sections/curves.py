"""The curves one looks at first: loss, gradient norm, learning rate, pace; what the doctor found is shaded."""

from collections.abc import Iterator, Sequence

from newllm.diagnosis.training_kind import training_kind
from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Line, Mark, Section
from newllm.report.charts.figure import figure
from newllm.report.charts.lines import logarithmic, signal_line, sound_line
from newllm.report.charts.marks import marks_of, planned_marks
from newllm.report.markup import Html, tag
from newllm.report.source import Source
from newllm.words.labels import axis_label

_LOSS = (("loss", "training"), ("validation_loss", "validation"))
_ACCURACY = (("accuracy", "training"), ("validation_accuracy", "validation"))
_PERPLEXITY = (("perplexity", "training"), ("validation_perplexity", "validation"))
_BITS = (("validation_bits_per_byte", "validation"),)
_GRADIENT = (("gradient_norm", "muted"), ("gradient_norm_clipped", "training"))
_RATE = (("learning_rate", "learning-rate"),)
_PACE = (("step_seconds", "muted"),)
SHOWN = frozenset(
    name for group in (_LOSS, _ACCURACY, _PERPLEXITY, _BITS, _GRADIENT, _RATE, _PACE) for name, _ in group
)


def curves(source: Source, words: Catalogue) -> Section | None:
    """Return the section of the loss; without one that of all other curves; None where there are none."""
    main = _loss(source, words)
    if main is not None:
        return Section(source.id("curves"), words("curves"), figure(main, words), (main,))
    charts = _others(source, words, of_loss=False)
    return Section(source.id("curves"), words("curves"), _side_by_side(charts, words), charts) if charts else None


def more_curves(source: Source, words: Catalogue) -> Section | None:
    """Return the section of the curves beside the loss; None without a loss, or without any of them."""
    charts = _others(source, words, of_loss=True) if _loss(source, words) is not None else ()
    html = _side_by_side(charts, words)
    return Section(source.id("more-curves"), words("more-curves"), html, charts) if charts else None


def _loss(source: Source, words: Catalogue) -> Curves | None:
    return _chart(source, words, "loss", _LOSS, severe=True)


def _others(source: Source, words: Catalogue, *, of_loss: bool) -> tuple[Curves, ...]:
    found = (
        _chart(source, words, "gradient", _GRADIENT, log=True),
        _chart(source, words, "learning-rate", _RATE),
        _chart(source, words, "bits-per-byte", _BITS),
        _chart(source, words, "accuracy", _ACCURACY),
        _chart(source, words, "perplexity", _PERPLEXITY, severe=not of_loss),
        _chart(source, words, "pace", _PACE),
    )
    return tuple(chart for chart in found if chart is not None)


def _side_by_side(charts: Sequence[Curves], words: Catalogue) -> Html:
    return tag("div", *(figure(chart, words) for chart in charts), kind="charts")


def _chart(
    source: Source, words: Catalogue, name: str, group: Sequence[tuple[str, str]], *, log: bool = False,
    severe: bool = False,
) -> Curves | None:  # fmt: skip
    """Return a chart of some signals, None where the trace has none of them."""
    found = [signal_line(source, words, signal, colour) for signal, colour in group]
    lines: list[Line] = [line for line in found if line is not None]
    if not lines:
        return None
    lines = [*_beside(source, words, [signal for signal, _ in group]), *lines]
    # A log of another tool says nothing of its units: only a loss of tokens is in nats per token.
    known = name != "loss" or source.config or training_kind(source.trace, source.facts).name == "language-model"
    planned = planned_marks(source)
    marks = (*planned, *marks_of(source, words, [signal for signal, _ in group], severe=severe))
    return Curves(
        source.id(name), words(f"chart-{name}"), axis_label(words, source.trace.axis),
        words(f"unit-{name}") if known else "",
        tuple(lines),
        marks, log=log or logarithmic(*lines),
        about=_about_marks(words, marks, len(planned)) if name == "loss" else words(f"about-{name}"),
    )  # fmt: skip


def _beside(source: Source, words: Catalogue, signals: Sequence[str]) -> Iterator[Line]:
    """Yield in grey the signal by which a run comes to less than the one that it was held against."""
    if source.held is None:
        return
    for one in source.findings:
        name = one.signal or ""
        own = source.trace.series(name)
        if one.kind == "parts-from-reference" and name in signals and len(own.step):
            line = sound_line(source, words, name, source.held.trace.series(name), own)
            if line is not None:
                yield line


def _about_marks(words: Catalogue, marks: Sequence[Mark], planned: int) -> str:
    """Return what the marks of a chart mean, of those that it has."""
    said = [words("about-found")] if len(marks) > planned else []
    return words("sentence-gap").join([*said, *([words("about-planned")] if planned else [])])
