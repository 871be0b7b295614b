"""Findings as shaded stretches of a chart, and what a person planned as lines.

A root fault is named wherever it says when something began. What follows from it is shaded on the signals that show it,
and named under the cursor alone: the names of one fault's consequences would stand in rows above every chart.
"""

from collections.abc import Iterable

from newllm.messages import Catalogue
from newllm.report.charts.chart import Mark
from newllm.report.source import Source
from newllm.trace import SEVERITIES, Finding
from newllm.words.labels import kind_label, signal_label
from newllm.words.plain import plain

_MOST = 40
_WIDE, _NARROW = 0.5, 0.05  # of the run
_NOTE = 80  # characters


def marks_of(source: Source, words: Catalogue, statistics: Iterable[str], *, severe: bool = False) -> tuple[Mark, ...]:
    """Return the stretches of findings about some signals, one for each kind and place, the gravest last (on top).

    Args:
        source: whose findings.
        words: of the page.
        statistics: names of signals without what stands behind a slash.
        severe: also root faults from a warning up that are about other signals.
    """
    asked = set(statistics)
    found = {
        (finding.kind, finding.first_step): mark
        for finding in source.findings
        if ((finding.signal or "").split("/")[0] in asked or (severe and _is_root_fault(finding)))
        and (mark := _mark(source, words, finding)) is not None
    }
    kept = list(found.values())[:_MOST]
    return tuple(sorted(kept, key=lambda mark: SEVERITIES.index(mark.severity)))


def first_fault(source: Source, words: Catalogue) -> tuple[Mark, ...]:
    """Return the gravest root fault that begins somewhere, for a chart that is about no finding; empty without one."""
    roots = filter(_is_root_fault, source.findings)
    return tuple(mark for one in roots if (mark := _mark(source, words, one)) is not None)[:1]


def planned_marks(source: Source) -> tuple[Mark, ...]:
    """Return what a person planned, where it begins."""
    return tuple(Mark(one.step, one.step, "planned", plain(one.text, _NOTE)) for one in source.facts.planned)[:_MOST]


def _is_root_fault(finding: Finding) -> bool:
    return finding.severity != "note" and finding.follows is None


def _mark(source: Source, words: Catalogue, finding: Finding) -> Mark | None:
    """Return where a finding is. Of one that lasts for most of the run, its beginning; of all of it, nothing.

    Of a consequence that lasts nothing either: its beginning says no more than that of its root.
    """
    place = _span(source, finding)
    if place is None:
        return None
    begin, end = first_step(source), source.trace.last_step
    label = kind_label(words, finding.kind)
    if finding.signal == "validation_loss":  # a chart of both losses would not say whose it is
        label = words("signal_of", signal=label, part=signal_label(words, finding.signal))
    if place[1] - place[0] <= _WIDE * (end - begin):
        return Mark(*place, finding.severity, label, quiet=finding.follows is not None)
    if place[0] - begin <= _NARROW * (end - begin) or finding.follows is not None:
        return None
    return Mark(place[0], place[0], finding.severity, words("mark-from", label=label))


def _span(source: Source, finding: Finding) -> tuple[float, float] | None:
    """Return where a finding is; one without an end goes on to the end of the run."""
    if finding.first_step is None:
        return None
    last = finding.last_step if finding.last_step is not None else source.trace.last_step
    return float(finding.first_step), max(float(finding.first_step), float(last))


def first_step(source: Source) -> float:
    """Return the first step that any signal has, 0 where there is none."""
    return min((float(series.step[0]) for series in source.trace.signals.values() if len(series.step)), default=0.0)
