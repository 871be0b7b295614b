"""A report as one HTML file: it opens from disk, offline, and runs no script but its own.

The policy names script and style by their hashes, so that nothing a log smuggles in is run or obeyed. The charts'
numbers stand in a data block, which is not run; in it `<` is written as an escape, so that no text can end it.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from newllm.plotting.lines import extremes
from newllm.report import web_files
from newllm.report.chart import Chart, Curves, Line, Section
from newllm.report.header import header
from newllm.report.language import Words
from newllm.report.markup import Html, folded, joined, safe, tag
from newllm.report.sections import sections_of
from newllm.report.source import Source

PAGE_NAME = '<meta name="generator" content="newllm report">'
_MOST_IN_FULL = 12  # runs of one page
_FEW = 5000  # buckets of a line where several runs share a page


def report_page(sources: Sequence[Source], words: Words) -> str:
    """Return the page of one run, or of several.

    Of several runs their comparison comes first, and each follows folded; their longest lines keep the lowest and the
    highest of each of 5,000 stretches.

    Args:
        sources: at least one; of the first twelve all is shown.
        words: the language.
    """
    several = len(sources) > 1
    shown = [source.numbered(at) for at, source in enumerate(sources, 1)] if several else list(sources)
    made = [(source, sections_of(source, words)) for source in shown[:_MOST_IN_FULL]]
    before = _compared(shown, words) if several else ()
    charts = [chart for section in before for chart in section.charts]
    charts += [_thinned(chart) if several else chart for _, of in made for section in of for chart in section.charts]
    names = [(section.id, section.title) for section in before]
    names += [(source.id("run"), source.name) for source, _ in made] if several else _names(made[0][1])
    body = [_of_several(made, before, len(sources), words)] if several else [_of_one(*made[0], words)]
    title = ", ".join(source.name for source in sources[:3])
    return _document(title, _navigation(names, words), joined(body), charts, words)


def _of_one(source: Source, sections: Sequence[Section], words: Words) -> Html:
    return joined([header(source, words), *map(_section, sections)])


def _of_several(
    made: Sequence[tuple[Source, Sequence[Section]]], before: Sequence[Section], count: int, words: Words
) -> Html:
    """Return the comparison, then every run folded."""
    left = count - len(made)
    runs = [
        tag("section", folded(tag("span", source.name, kind="run-name"), joined([header(source, words, level="h2"), *map(_section, of)]),
                              kind="run"), id=source.id("run"))
        for source, of in made
    ]  # fmt: skip
    more = tag("p", words("more_runs", count=left), kind="muted") if left else Html()
    return joined(
        [tag("header", tag("h1", words("runs", count=count)), kind="run-head"), *map(_section, before), *runs, more]
    )


def _compared(sources: Sequence[Source], words: Words) -> tuple[Section, ...]:
    """Return what stands before the runs of a page of several."""
    return ()


def _section(section: Section) -> Html:
    return tag(
        "section", tag("h2", section.title), Html(section.html), id=section.id, kind=f"part {section.id.split('-')[-1]}"
    )


def _names(sections: Sequence[Section]) -> list[tuple[str, str]]:
    return [(section.id, section.title) for section in sections]


def _navigation(names: Sequence[tuple[str, str]], words: Words) -> Html:
    links = joined(tag("li", tag("a", name, href=f"#{place}")) for place, name in names)
    return tag("nav", tag("ul", links), kind="sections", aria_label=words("sections"))


def _thinned(chart: Chart) -> Chart:
    return replace(chart, lines=tuple(map(_thin, chart.lines))) if isinstance(chart, Curves) else chart


def _thin(line: Line) -> Line:
    if len(line.y) <= 4 * _FEW:
        return line
    keep = extremes(np.asarray(line.y, dtype=float), _FEW)
    low, high = (None if edge is None else edge[keep] for edge in (line.low, line.high))
    return replace(line, x=line.x[keep], y=line.y[keep], low=low, high=high)


def _document(title: str, navigation: Html, body: Html, charts: Sequence[Chart], words: Words) -> str:
    script, style = web_files.script(), web_files.style()
    numbers = json.dumps({chart.id: chart.as_dict() for chart in charts}, allow_nan=False).replace("<", "\\u003c")
    parts = [
        f'<!doctype html>\n<html lang="{safe(words.lang)}">\n{PAGE_NAME}\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{web_files.policy([script], [style])}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{safe(title)}: {safe(words('report'))}</title>",
        f"<style>{style}</style>",
        f'<body class="report">{navigation}<main>{body}</main>',
        f'<footer class="muted"><p>{safe(words("report.by"))}</p></footer>',
        f'<script type="application/json" id="charts">{numbers}</script>',
        f"<script>{script}</script></body></html>\n",
    ]
    return "\n".join(parts)
