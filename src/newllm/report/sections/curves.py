"""The curves one looks at first: loss, gradient norm, learning rate, pace; what the doctor found is shaded."""

from collections.abc import Sequence

from newllm.diagnosis.training_kind import training_kind
from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Line, Section
from newllm.report.charts.figure import figure
from newllm.report.charts.lines import logarithmic, signal_line
from newllm.report.charts.marks import marks_of
from newllm.report.markup import Html, joined, tag
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
    """Return the section, None where the trace has none of these signals."""
    main = _chart(source, words, "loss", _LOSS, severe=True)
    others = [
        _chart(source, words, "gradient", _GRADIENT, log=True),
        _chart(source, words, "learning-rate", _RATE),
        _chart(source, words, "bits-per-byte", _BITS),
        _chart(source, words, "accuracy", _ACCURACY),
        _chart(source, words, "perplexity", _PERPLEXITY, severe=main is None),
        _chart(source, words, "pace", _PACE),
    ]
    small = [chart for chart in others if chart is not None]
    charts = ([main] if main else []) + small
    if not charts:
        return None
    return Section(source.id("curves"), words("curves"), _laid_out(main, small, words), tuple(charts))


def _laid_out(main: Curves | None, small: Sequence[Curves], words: Catalogue) -> Html:
    wide = figure(main, words) if main else Html()
    grid = tag("div", *(figure(chart, words) for chart in small), kind="charts") if small else Html()
    return joined([wide, grid])


def _chart(
    source: Source, words: Catalogue, name: str, group: Sequence[tuple[str, str]], *, log: bool = False,
    severe: bool = False,
) -> Curves | None:  # fmt: skip
    """Return a chart of some signals, None where the trace has none of them."""
    found = [signal_line(source, words, signal, colour) for signal, colour in group]
    lines: list[Line] = [line for line in found if line is not None]
    if not lines:
        return None
    # A log of another tool says nothing of its units: only a loss of tokens is in nats per token.
    known = name != "loss" or source.config or training_kind(source.trace, source.facts).name == "language-model"
    return Curves(
        source.id(name), words(f"chart-{name}"), axis_label(words, source.trace.axis),
        words(f"unit-{name}") if known else "",
        tuple(lines), marks_of(source, words, [signal for signal, _ in group], severe=severe),
        log=log or logarithmic(*lines), about=words(f"about-{name}"),
    )  # fmt: skip
