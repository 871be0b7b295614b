"""The sections of a run as the page shows them: those of a report, in few points, and what changed of them.

A line is sent with the lowest and the highest of each of a thousand stretches; zooming asks for finer ones. What was
appended since travels by itself (see `live`), so a section counts as changed only by what is not simply appended: its
text, its marks, its heat maps. The doctor's findings of a run that is not too long are found anew while it is shown;
a longer one shows those of findings.json. One that has ended is held against earlier ones of its program.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from newllm.api.held_source import held_source
from newllm.api.run_end import has_ended
from newllm.diagnosis.replayable import replayable
from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.plotting.lines import medians
from newllm.report.charts.chart import BUCKETS_A_MEDIAN, Chart, Curves, Heat, Line, Section
from newllm.report.header import problems
from newllm.report.markup import tag
from newllm.report.sections import sections_of
from newllm.report.source import Source, read_source
from newllm.trace import Series
from newllm.ui.diagnoses import Diagnoses
from newllm.ui.folders import stamp_of
from newllm.ui.sparks import thinned
from newllm.ui.traces import Traces

BUCKETS = 1000
"""Of a line, at first."""

_LARGE = 50_000  # points of a signal from which it is thinned before anything else is made of it
_MOST_KEPT = 12
_FIGURE = re.compile(r'<figure class="chart[^"]*" data-chart="([^"]*)">.*?</figure>', re.DOTALL)


@dataclass(frozen=True, eq=False)
class Made:
    """The sections of a run at one moment.

    Attributes:
        stamp: of the run's files; None where it is to be made anew although they have not changed.
        version: of its trace, from which on the page is told what is appended.
        sections: as dictionaries, the report's `Section.as_dict` and what tells whether it changed: `text`, `drawn`.
        lines: names of the lines that grow with the trace.
        replayable: whether the doctor found something that a replay can take up.
        problems: HTML of what could not be read.
        took: seconds of the processor that it took to make.
    """

    stamp: Any
    version: int
    sections: tuple[dict[str, Any], ...]
    lines: frozenset[str]
    replayable: bool
    problems: str
    took: float

    @property
    def digest(self) -> str:
        """What is another whenever a section is."""
        return _digest(json.dumps([[one["id"], one["text"], one["drawn"]] for one in self.sections]) + self.problems)

    def changed(self, before: "Made") -> list[str]:
        """Return the ids of the sections that are other than before, or new, or gone."""
        now, then = ({one["id"]: (one["text"], one["drawn"]) for one in made.sections} for made in (self, before))
        problems = ["problems"] if self.problems != before.problems else []
        return [name for name in {**now, **then} if now.get(name) != then.get(name)] + problems


class RunSections:
    """Makes sections, and keeps those that were looked at last.

    Args:
        traces: where traces are held.
        diagnoses: what the doctor says of them.
    """

    def __init__(self, traces: Traces, diagnoses: Diagnoses) -> None:
        self._traces, self._diagnoses = traces, diagnoses
        self._made: dict[tuple[Path, str], Made] = {}
        self._locks: dict[Path, threading.Lock] = {}
        self._lock = threading.Lock()

    def made(self, run: Path, words: Catalogue) -> Made:
        """Return the sections of the run in a directory as they are now."""
        with self._lock:
            lock = self._locks.setdefault(run, threading.Lock())
        with lock:
            columns = self._traces.of(run)
            # The version as well: the trace may have been read a moment before it grew.
            stamp = (stamp_of(str(run)), columns.generation, columns.version)
            before = self._made.get((run, words.lang))
            if before is not None and before.stamp == stamp:
                return before
            made = self._make(run, words, stamp)
            with self._lock:
                self._made.pop((run, words.lang), None)
                self._made[run, words.lang] = made
                while len(self._made) > _MOST_KEPT:
                    self._made.pop(next(iter(self._made)))
            return made

    def _make(self, run: Path, words: Catalogue, stamp: Any) -> Made:
        began = time.thread_time()
        columns = self._traces.of(run)
        version, trace = columns.snapshot()
        findings, up_to_date = self._diagnoses.of(run, trace, (columns.generation, version))
        source = read_source(run, trace=trace, findings=findings or ())
        if findings is not None and has_ended(run):
            source = held_source(source, self._read)  # one that goes on is judged again and again
        large = {
            name: series for name, series in trace.signals.items() if len(series.step) > _LARGE and "/" not in name
        }
        if large:
            fewer = {name: thinned(series, BUCKETS) for name, series in large.items()}
            source = replace(source, trace=replace(trace, signals=trace.signals | fewer))
        sections = list(sections_of(source, words))
        if findings is None:
            sections = without_findings(source, sections, words)
        made = [section_dict(section, large) for section in sections]
        curves = [chart for section in sections for chart in section.charts if isinstance(chart, Curves)]
        lines = {line.name for chart in curves for line in chart.lines}
        return Made(
            stamp if up_to_date else None, version, tuple(made), frozenset(lines & trace.signals.keys()),
            bool(replayable(source.findings)), str(problems(source, words)), time.thread_time() - began,
        )  # fmt: skip

    def _read(self, run: Path) -> Source:
        """Return another run of the same program, with what the doctor says of it by itself.

        Raises:
            UserError: it cannot be read, or is too long to be judged here and nobody has asked the doctor.
        """
        columns = self._traces.of(run)
        version, trace = columns.snapshot()
        findings, _ = self._diagnoses.of(run, trace, (columns.generation, version))
        if findings is None:
            raise UserError(f"'{run}' is too long to be judged while it is shown")
        return read_source(run, trace=trace, findings=findings)


def without_findings(source: Source, sections: Sequence[Section], words: Catalogue) -> list[Section]:
    """Take away what would read as if nothing had been found."""
    gone = {source.id("findings"), *([] if source.verdict else [source.id("verdict")])}
    kept = [one for one in sections if one.id not in gone]
    said = Section(source.id("findings"), words("findings"), tag("p", words("findings-too_long"), kind="muted"))
    return [*kept[:2], said, *kept[2:]]


def section_dict(section: Section, large: Mapping[str, Series]) -> dict[str, Any]:
    """Return a section as the page shows it, and what tells whether it changed.

    Args:
        section: of a report.
        large: all points of lines, by name, that have fewer here.
    """
    charts = {chart.id: chart_dict(chart, large) for chart in section.charts}
    content = {**section.as_dict(), "charts": charts}
    text = _FIGURE.sub(r"<figure>\1</figure>", section.html)
    return {**content, "text": _digest(section.title + section.gist + text), "drawn": _digest(_drawn(charts))}


def chart_dict(chart: Chart, large: Mapping[str, Series]) -> dict[str, Any]:
    """Return a chart in few points, and of each line whether there are finer ones."""
    if isinstance(chart, Heat):
        return chart.as_dict()
    chart = replace(chart, lines=tuple(_with_middle(line, large.get(line.name)) for line in chart.lines))
    thin = thin_chart(chart)
    content = thin.as_dict()
    for line, before, after in zip(content["lines"], chart.lines, thin.lines, strict=True):
        line["bucketed"] = line["name"] in large or len(after.x) < len(before.x)
    return content


def _with_middle(line: Line, whole: Series | None) -> Line:
    """Return a line with the medians of all its points, where it holds the extremes of them only."""
    if whole is None:
        return line
    return replace(line, middle=medians(whole.step, whole.value, BUCKETS // BUCKETS_A_MEDIAN))


def thin_chart(chart: Curves) -> Curves:
    """Return a chart whose lines keep the lowest and the highest of each of a thousand stretches."""
    return replace(chart, lines=tuple(line.thinned(BUCKETS) for line in chart.lines))


def _drawn(charts: dict[str, dict[str, Any]]) -> str:
    """Return what of the charts is not simply appended: marks, heat maps, and which lines there are."""
    kept = {
        name: {**chart, "lines": [line["name"] for line in chart["lines"]]} if chart["kind"] == "curves" else chart
        for name, chart in charts.items()
    }
    return json.dumps(kept, allow_nan=False, default=str)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
