"""The small curve beside a finding: the signal that shows it, with nothing but its own stretch shaded."""

from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Line, Mark
from newllm.report.charts.lines import logarithmic, sound_line
from newllm.report.source import Source
from newllm.report.window import closer, marked, plotted
from newllm.trace import Finding
from newllm.words.labels import axis_label, kind_label, signal_label

_BUCKETS = 250  # of its line, which stands in full elsewhere
_COLOURS = {"validation": "validation", "learning_rate": "learning-rate", "context": "context", "loop": "context"}


def finding_curve(source: Source, words: Catalogue, finding: Finding, id: str) -> Curves | None:
    """Return the curve, of a short stretch of a long run the part around it; None where no signal shows it.

    Args:
        source: the run.
        words: of the page.
        finding: what is shown.
        id: of the chart, unique among those of the run.
    """
    series = plotted(source.trace, finding)
    if series is None or finding.signal is None or len(series.step) < 2:
        return None
    region = marked(finding, series)
    near = closer(series, region)
    # A part is no line of the trace: nothing may be appended to it.
    name, shown = (finding.signal, series) if near is None else (f"{finding.signal}: {id}", near)
    label = signal_label(words, finding.signal)
    line = Line(name, label, _colour(finding.signal), shown.step, shown.value).thinned(_BUCKETS)
    marks = () if region is None else (Mark(*region, finding.severity, kind_label(words, finding.kind)),)
    behind = None if source.held is None else plotted(source.held.trace, finding)
    grey = sound_line(source, words, finding.signal, behind, shown)
    lines = (line,) if grey is None else (grey.thinned(_BUCKETS), line)
    return Curves(
        source.id(id), label, axis_label(words, source.trace.axis), "", lines, marks, log=logarithmic(*lines)
    )  # fmt: skip


def _colour(signal: str) -> str:
    return next((colour for start, colour in _COLOURS.items() if signal.startswith(start)), "training")
