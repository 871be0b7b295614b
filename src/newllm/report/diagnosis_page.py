"""A diagnosis as one HTML file: no script, no network, its plots inline, light and dark.

Text from a log is made printable (`plain`) and then escaped; it never stands in an attribute but `aria-label`.
"""

import html
from collections.abc import Sequence

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.training_kind import reads_text
from newllm.messages import Catalogue
from newllm.report.charts.curve_svg import curve_svg
from newllm.report.stylesheet import POLICY, STYLE
from newllm.report.window import closer, marked, plotted
from newllm.trace import Finding, Series, Trace
from newllm.words import coverage, diagnosis
from newllm.words.labels import axis_label, kind_name
from newllm.words.plain import plain

PAGE_NAME = '<meta name="generator" content="newllm doctor">'
_PLOTS = 40  # a page stays below a few MB
_SENTENCE = 2000  # characters


def diagnosis_page(name: object, trace: Trace, facts: Facts, findings: Sequence[Finding], words: Catalogue) -> str:
    """Return the page; `PAGE_NAME` stands in its first lines.

    Args:
        name: of what was read, such as its path.
        trace: what was judged.
        facts: what was known beside it.
        findings: what matters most first.
        words: the language.
    """
    words = words.about(text=reads_text(trace, facts))
    headline, mood = diagnosis.headline(words, trace, findings, facts), diagnosis.mood(trace, findings, facts)
    unseen = coverage.unseen(trace, facts)
    parts = [
        f'<!doctype html>\n<html lang="{_safe(words.lang)}">\n{PAGE_NAME}\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_safe(name)}: {_safe(headline)}</title>",
        f"<style>{STYLE}</style>",
        f"<body><header><h1>{_safe(name)}</h1>",
        f'<p class="muted">{_safe(diagnosis.contents(words, trace))}</p>',
        f'<p class="muted">{_safe(diagnosis.known(words, facts))}</p>',
        f'<p class="muted">{_safe(diagnosis.numbering(words, trace, facts))}</p>',
        *(f'<p class="muted">{_safe(diagnosis.remark_line(words, one))}</p>' for one in trace.remarks[:_PLOTS]),
        f'<p class="verdict {mood}">{_safe(headline)}</p></header>',
        "<main>",
        *([] if findings else _overview(trace, words)),
        *(_article(trace, facts, finding, words, plot=index < _PLOTS) for index, finding in enumerate(findings)),
        f'</main><footer><p class="muted">{_safe(coverage.checked(words, trace, facts, findings))}</p>'
        f'<p class="muted">{_safe(words.text(unseen) if unseen else "")}</p></footer></body>',
        "</html>\n",
    ]
    return "\n".join(parts)


def _safe(text: object) -> str:
    return html.escape(plain(text, _SENTENCE))


def _article(trace: Trace, facts: Facts, finding: Finding, words: Catalogue, *, plot: bool) -> str:
    known = (
        diagnosis.steps(words, finding, trace.axis),
        diagnosis.standing(words, finding),
    )
    where = words("list").join(filter(None, known))
    # What follows from another finding has its details there.
    details = (
        []
        if finding.follows
        else [
            *(_plots(trace, finding, words) if plot else []),
            _evidence(finding, words),
            _list(words("alternatives"), [words.text(one) for one in finding.alternatives]),
            _list(words("would_tell"), [words.text(one) for one in diagnosis.would_tell(words, finding, trace, facts)]),
            _list(words("doctor-causes"), tuple(filter(None, [diagnosis.causes(words, finding)]))),
        ]
    )
    parts = [
        f'<article class="{finding.severity}">',
        f'<h2><span class="severity">{_safe(words(f"severity-{finding.severity}"))}</span> '
        f"{_safe(kind_name(words, finding.kind))} ",
        f'<span class="where">{_safe(where)}</span></h2>',
        f"<p>{_safe(words.text(finding.sentence))}</p>",
        *details,
        "</article>",
    ]
    return "".join(parts)


def _plots(trace: Trace, finding: Finding, words: Catalogue) -> list[str]:
    series = plotted(trace, finding)
    if series is None or finding.signal is None:
        return []
    region = marked(finding, series)
    near = closer(series, region)
    whole = _figure(finding.signal, series, trace.axis, words, region)
    return [whole] if near is None else [whole, _figure(finding.signal, near, trace.axis, words, region)]


def _overview(trace: Trace, words: Catalogue) -> list[str]:
    names = [name for name in ("loss", "validation_loss") if len(trace.series(name).step)]
    return [_figure(name, trace.series(name), trace.axis, words, None) for name in names]


def _figure(name: str, series: Series, axis: str, words: Catalogue, region: tuple[float, float] | None) -> str:
    unit = axis_label(words, axis)
    steps = words("steps-range", axis=unit, first=f"{series.step[0]:,}", last=f"{series.step[-1]:,}")
    caption = words("doctor-figure", signal=plain(name, 80), steps=steps)
    drawing = curve_svg(series, kind=_kind(name), axis=unit, title=caption, marked=region, words=words)
    return f"<figure><figcaption>{html.escape(caption)}</figcaption>{drawing}</figure>"


def _kind(name: str) -> str:
    if name.startswith("validation"):
        return "validation"
    if name.startswith("learning_rate"):
        return "learning-rate"
    return "context" if name.startswith(("context", "lyapunov")) else "training"


def _evidence(finding: Finding, words: Catalogue) -> str:
    pairs = diagnosis.evidence(words, finding)
    items = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in pairs)
    return f"<dl>{items}</dl>" if pairs else ""


def _list(title: str, lines: Sequence[object]) -> str:
    items = "".join(f"<li>{_safe(line)}</li>" for line in lines)
    return f"<h3>{title}</h3><ul>{items}</ul>" if items else ""
