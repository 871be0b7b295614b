"""Findings as shaded stretches of a chart."""

from collections.abc import Iterable

from newllm.report.chart import Mark
from newllm.report.labels import kind_label
from newllm.report.language import Words
from newllm.report.source import Source
from newllm.trace import SEVERITIES, Finding

_MOST = 40


def marks_of(source: Source, words: Words, statistics: Iterable[str], *, severe: bool = False) -> tuple[Mark, ...]:
    """Return the stretches of findings about some signals, one for each kind and place, the gravest last (on top).

    Args:
        source: whose findings.
        words: of the page.
        statistics: names of signals without what stands behind a slash.
        severe: also those from a warning up that are about other signals.
    """
    asked = set(statistics)
    found = {
        (finding.kind, place): Mark(*place, finding.severity, kind_label(words, finding.kind))
        for finding in source.findings
        if (place := _place(source, finding)) is not None
        and ((finding.signal or "").split("/")[0] in asked or (severe and finding.severity != "note"))
    }
    kept = list(found.values())[:_MOST]
    return tuple(sorted(kept, key=lambda mark: SEVERITIES.index(mark.severity)))


def _place(source: Source, finding: Finding) -> tuple[float, float] | None:
    """Return where a finding is; one without an end goes on to the end of the run."""
    if finding.first_step is None:
        return None
    last = finding.last_step if finding.last_step is not None else last_step(source)
    return float(finding.first_step), max(float(finding.first_step), float(last))


def last_step(source: Source) -> float:
    """Return the last step that any signal has, 0 where there is none."""
    return max((float(series.step[-1]) for series in source.trace.signals.values() if len(series.step)), default=0.0)
