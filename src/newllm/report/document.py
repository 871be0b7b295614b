"""The HTML file around a page's content: it opens from disk, offline, and runs no script but its own.

The policy names script and style by their hashes, so that nothing a log smuggles in is run or obeyed. The charts'
numbers stand in a data block, which is not run; in it `<` is written as an escape, so that no text can end it.
"""

import json
from collections.abc import Sequence

from newllm.messages import Catalogue
from newllm.report import web_files
from newllm.report.charts.chart import Chart, Section
from newllm.report.markup import Html, folded, joined, safe, tag

PAGE_NAME = '<meta name="generator" content="newllm report">'


def document(
    title: str, places: Sequence[tuple[str, str]], body: Html, charts: Sequence[Chart], words: Catalogue
) -> str:
    """Return the file.

    Args:
        title: of the window.
        places: id and name of what the list of sections leads to.
        body: the content.
        charts: all that are drawn in it.
        words: the language.
    """
    script, style = web_files.script(), web_files.style()
    numbers = json.dumps({chart.id: chart.as_dict() for chart in charts}, allow_nan=False).replace("<", "\\u003c")
    parts = [
        f'<!doctype html>\n<html lang="{safe(words.lang)}">\n{PAGE_NAME}\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{web_files.policy([script], [style])}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{safe(title)}: {safe(words('report'))}</title>",
        f"<style>{style}</style>",
        f'<body class="report"><div class="layout">{_navigation(places, words)}<main>{body}</main>',
        f"<footer><p>{safe(words('report-by'))}</p></footer></div>",
        f'<script type="application/json" id="charts">{numbers}</script>',
        web_files.words_block(words),
        f"<script>{script}</script></body></html>\n",
    ]
    return "\n".join(parts)


def placed(section: Section) -> Html:
    """Return a section as it stands on the page."""
    title, content = tag("h2", section.title), Html(section.html)
    if not section.folded:
        return tag("section", title, content, id=section.id)
    gist = tag("span", section.gist, kind="gist") if section.gist else ""
    return tag("section", folded(joined([title, gist]), content, kind="fold"), id=section.id, kind="folded")


def _navigation(places: Sequence[tuple[str, str]], words: Catalogue) -> Html:
    links = joined(tag("li", tag("a", name, href=f"#{place}")) for place, name in places)
    return tag("nav", tag("ul", links), kind="sections", aria_label=words("sections"))
