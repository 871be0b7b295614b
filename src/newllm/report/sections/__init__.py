"""The parts of a report, each a function of what is known of a run; the local page shows the same.

What one opens a run for stands open: the verdict, the loss, the findings. All else is a line to unfold.
"""

from collections.abc import Callable
from dataclasses import replace

from newllm.diagnosis.training_kind import reads_text
from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.markup import tag
from newllm.report.sections.check import check
from newllm.report.sections.classes import classes
from newllm.report.sections.configuration import configuration
from newllm.report.sections.context import context
from newllm.report.sections.curves import curves, more_curves
from newllm.report.sections.data import data
from newllm.report.sections.findings import findings
from newllm.report.sections.layers import layers
from newllm.report.sections.others import others
from newllm.report.sections.replay import replay
from newllm.report.sections.samples import samples
from newllm.report.sections.verdict import verdict
from newllm.report.source import Source

SECTIONS: dict[str, Callable[[Source, Catalogue], Section | None]] = {
    "verdict": verdict,
    "curves": curves,
    "findings": findings,
    "check": check,
    "replay": replay,
    "more-curves": more_curves,
    "samples": samples,
    "classes": classes,
    "context": context,
    "layers": layers,
    "others": others,
    "data": data,
    "configuration": configuration,
}
"""By id, in the order of a page."""

_OPEN = frozenset({"verdict", "curves", "findings", "check"})  # the last folds itself where nothing is wrong
_TITLES = 4  # of charts, that a folded section is told by


def sections_of(source: Source, words: Catalogue) -> tuple[Section, ...]:
    """Return the sections of one run that have something to show.

    Files of a run may hold anything. A section that fails on what stands there says so in its place, and the others
    are shown all the same.
    """
    words = words.about(text=reads_text(source.trace, source.facts))
    made = (_made(name, source, words) for name in SECTIONS)
    return tuple(section for section in made if section is not None)


def _made(name: str, source: Source, words: Catalogue) -> Section | None:
    try:
        section = SECTIONS[name](source, words)
        return section if section is None or name in _OPEN else _folded(section, words)
    except Exception as error:  # one bad run must not take the page with it
        said = tag("p", words("section-failed", error=type(error).__name__), kind="problem")
        return Section(source.id(name), words(name), said)


def _folded(section: Section, words: Catalogue) -> Section:
    """Return a section as a line to unfold; where it says nothing of what it holds, with the titles of its charts."""
    titles = list(dict.fromkeys(chart.title for chart in section.charts))
    told = words("list").join(titles[:_TITLES]) + (" …" if len(titles) > _TITLES else "")
    return replace(section, folded=True, gist=section.gist or told)
