"""Reports as files: of one run, of several with their comparison first, and of a study."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from newllm.diagnosis.training_kind import reads_text
from newllm.messages import Catalogue
from newllm.report.charts.chart import Chart, Curves, Section
from newllm.report.document import document, placed
from newllm.report.header import header
from newllm.report.markup import Html, folded, joined, tag
from newllm.report.sections import sections_of
from newllm.report.sections.replay import replay
from newllm.report.sections.verdict import verdict
from newllm.report.source import Source
from newllm.report.source.replays import Replayed
from newllm.report.source.study import StudySource

_MOST_IN_FULL = 12  # runs of one page
_FEW = 5000  # buckets of a line where several runs share a page
_TITLED = 3


def report_page(sources: Sequence[Source], words: Catalogue, *, programs: bool = True) -> str:
    """Return the page of one run, or of several.

    Of several runs their comparison comes first, and each follows folded; their longest lines keep the lowest and the
    highest of each of 5,000 stretches.

    Args:
        sources: at least one; of the first twelve all is shown.
        words: the language.
        programs: whether lines of the programs in which several runs differ may stand on it.
    """
    return _of_one(sources[0], words) if len(sources) == 1 else _of_several(sources, words, programs=programs)


def study_page(study: StudySource, words: Catalogue) -> str:
    """Return the page of a study; where a run of it was replayed, with the verdict."""
    from newllm.report.sections.study import study_lead, study_sections

    above, below = _replayed(study, words)
    sections = [*above, *study_sections(study, words), *below]
    head = tag("header", tag("h1", study.name), study_lead(study, words), kind="run-head")
    charts = [chart for section in sections for chart in section.charts]
    return document(study.name, _places(sections), joined([head, *map(placed, sections)]), charts, words)


def _replayed(study: StudySource, words: Catalogue) -> tuple[list[Section], list[Section]]:
    """Return the verdict, which stands above the claims, and what it rests on, which stands below all."""
    if study.replay is None:
        return [], []
    source = Source(study.path, study.name, replays=(Replayed(study.name, study.replay, 0),))
    made = verdict(source, words), replay(source, words)
    above, below = ([section] if section else [] for section in made)
    return above, below


def _of_one(source: Source, words: Catalogue) -> str:
    sections = sections_of(source, words)
    charts = [chart for section in sections for chart in section.charts]
    body = joined([header(source, words), *map(placed, sections)])
    return document(source.name, _places(sections), body, charts, words)


def _of_several(sources: Sequence[Source], words: Catalogue, *, programs: bool) -> str:
    from newllm.report.sections.comparison import comparison  # its statistics take long to load
    from newllm.report.sections.differences import differences

    compared = comparison(sources, words.about(text=any(reads_text(one.trace, one.facts) for one in sources)))
    before = [one for one in (compared, differences(sources, words) if programs else None) if one is not None]
    charts = [chart for section in before for chart in section.charts]
    places, runs = _places(before), []
    often = Counter(source.name for source in sources)
    for number, source in enumerate(sources[:_MOST_IN_FULL], 1):
        name = source.name if often[source.name] == 1 else str(source.path)
        html, place, drawn = _run(replace(source.numbered(number), name=name), words)
        runs.append(html)
        places.append(place)
        charts += map(_thinned, drawn)
    left = len(sources) - len(runs)
    more = tag("p", words("more_runs", count=left), kind="muted") if left else Html()
    head = tag("header", tag("h1", words("runs", count=len(sources))), kind="run-head")
    title = words("list").join(source.name for source in sources[:_TITLED])
    return document(title, places, joined([head, *map(placed, before), *runs, more]), charts, words)


def _run(source: Source, words: Catalogue) -> tuple[Html, tuple[str, str], list[Chart]]:
    """Return a run to unfold, its place in the list of sections, and what is drawn in it."""
    sections = sections_of(source, words)
    content = joined([header(source, words, level="h2"), *map(placed, sections)])
    place = source.id("run")
    html = tag("section", folded(tag("span", source.name, kind="run-name"), content, kind="run"), id=place)
    return html, (place, source.name), [chart for section in sections for chart in section.charts]


def _places(sections: Sequence[Section]) -> list[tuple[str, str]]:
    return [(section.id, section.title) for section in sections]


def _thinned(chart: Chart) -> Chart:
    if not isinstance(chart, Curves):
        return chart
    return replace(chart, lines=tuple(line.thinned(_FEW) for line in chart.lines))
