"""Signals of a trace as the lines of a chart."""

import numpy as np

from newllm.messages import Catalogue
from newllm.plotting.axes import beside, is_crushed
from newllm.report.charts.chart import Line
from newllm.report.source import Source
from newllm.trace import Series
from newllm.words.labels import signal_label

_FEW = 1000  # buckets of a line that is drawn in full elsewhere


def signal_line(
    source: Source, words: Catalogue, name: str, colour: str, *, label: str | None = None, few: bool = False,
    faint: bool = False,
) -> Line | None:  # fmt: skip
    """Return a signal as a line, None where the trace has nothing of it.

    Args:
        source: whose signal.
        words: of the page.
        name: of the signal in the trace.
        colour: of the stylesheet.
        label: what it is called; None takes its name in the words of the page.
        few: keep the lowest and the highest of a thousand stretches only: the line stands in full elsewhere.
        faint: one of many.
    """
    series = source.trace.signals.get(name)
    if series is None or not len(series.step):
        return None
    label = signal_label(words, name) if label is None else label
    line = Line(name, label, colour, series.step, series.value, faint=faint)
    return line.thinned(_FEW) if few else line


def sound_line(source: Source, words: Catalogue, name: str, series: Series | None, shown: Series) -> Line | None:
    """Return a signal of the sound run that a run was held against, in grey; None where it has none there.

    Args:
        source: the run that was held against it.
        words: of the page.
        name: of the signal.
        series: of the sound run.
        shown: what is drawn before it: its ends are the line's, and what would flatten it is left out.
    """
    if source.held is None or series is None:
        return None
    kept = (series.step >= shown.step[0]) & (series.step <= shown.step[-1])
    if kept.sum() < 2:
        return None
    # Its name is that of no signal of this trace, so that a live page appends nothing to it.
    label = words("list").join((signal_label(words, name), source.held.name))
    return Line(f"{name}: sound", label, "muted", series.step[kept], beside(shown.value, series.value[kept]))


def logarithmic(*lines: Line) -> bool:
    """Whether a few values tower so far above the others that a linear axis would hide these."""
    values = [np.asarray(line.y, dtype=float) for line in lines]
    return bool(values) and is_crushed(np.concatenate(values))
