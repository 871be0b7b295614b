"""A page in a frame of a notebook: nothing of its styles leaks into other cells, and it loads nothing.

The frame holds a whole page (`srcdoc`) with the policy of a report: its own script and style run, named by their
hashes, and nothing that a log smuggled in. Its sandbox gives it an origin of its own: it reaches nothing of the
notebook, and only tells how high it is. A small script beside it hears that, and sets its height and its colours, light
or dark as the notebook is; where none may run, the frame scrolls. Viewers that show no frame, such as GitHub's, and
notebooks that are not trusted, show the summary before it: plain HTML, which that script hides.
"""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from newllm.messages import Catalogue
from newllm.report import web_files
from newllm.report.charts.chart import Chart, Curves
from newllm.report.markup import Html, safe
from newllm.trace.rich import Shown

_BUCKETS = 1000  # of a line: a notebook keeps every output in its file
_HEIGHT = "34rem"  # until it has told how high it is


@dataclass(frozen=True, eq=False, repr=False)
class Framed(Shown):
    """What a notebook shows.

    Attributes:
        title: of the frame.
        lines: the same as plain text, for a terminal.
        summary: HTML without style or script, for viewers that show no frame.
        body: HTML of the page.
        charts: that are drawn in it.
        words: of the page.
    """

    title: str
    lines: Sequence[str]
    summary: Html
    body: Html
    charts: Sequence[Chart]
    words: Catalogue

    @property
    def text(self) -> str:
        """Lines for a terminal."""
        return "\n".join(self.lines)

    @property
    def html(self) -> str:
        """The summary and the frame, whole."""
        page = html.escape(_document(self), quote=True)
        return (
            f"<div><div>{self.summary}</div>"
            f'<iframe data-newllm title="{safe(self.title)}" sandbox="allow-scripts" srcdoc="{page}" '
            f'style="display: block; width: 100%; height: {_HEIGHT}; border: 0"></iframe>'
            f"<script>{web_files.file(web_files.NOTEBOOK_SCRIPT)}</script></div>"
        )


def _document(framed: Framed) -> str:
    words, charts = framed.words, [_thinned(chart) for chart in framed.charts]
    # Without a chart the page needs none of what draws them, which is most of its size.
    script = (web_files.script() if charts else "") + web_files.file(web_files.FRAME_SCRIPT)
    style = web_files.style() + web_files.file(web_files.FRAME_STYLE)
    numbers = json.dumps({chart.id: chart.as_dict() for chart in charts}, allow_nan=False).replace("<", "\\u003c")
    parts = [
        f'<!doctype html>\n<html lang="{safe(words.lang)}">\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{web_files.policy([script], [style])}">',
        f"<title>{safe(framed.title)}</title>",
        f"<style>{style}</style>",
        f'<body class="report"><div class="layout"><main>{framed.body}</main></div>',
        *([f'<script type="application/json" id="charts">{numbers}</script>'] if charts else []),
        *([web_files.words_block(words)] if charts else []),
        f"<script>{script}</script></body></html>",
    ]
    return "\n".join(parts)


def _thinned(chart: Chart) -> Chart:
    """Return a chart whose lines keep the lowest and the highest of each of a thousand stretches."""
    if not isinstance(chart, Curves):
        return chart
    return replace(chart, lines=tuple(line.thinned(_BUCKETS) for line in chart.lines))
