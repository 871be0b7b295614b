"""A diagnosis as one HTML file: no script, no network, its plots inline, light and dark.

Text from a log is made printable (`plain`) and then escaped; it never stands in an attribute but `aria-label`.
"""

import html
from collections.abc import Sequence

from newllm.diagnosis.facts import Facts
from newllm.report import words
from newllm.report.charts.curve_svg import curve_svg
from newllm.report.judged import unjudged
from newllm.report.plain import plain
from newllm.report.stylesheet import POLICY, STYLE
from newllm.report.window import closer, marked, plotted
from newllm.trace import Finding, Series, Trace

PAGE_BEGINS = '<!doctype html>\n<html lang="en">\n<meta name="generator" content="newllm doctor">\n'
_PLOTS = 40  # a page stays below a few MB
_SENTENCE = 2000  # characters


def diagnosis_page(name: object, trace: Trace, facts: Facts, findings: Sequence[Finding]) -> str:
    """Return the page; it begins with `PAGE_BEGINS`.

    Args:
        name: of what was read, such as its path.
        trace: what was judged.
        facts: what was known beside it.
        findings: what matters most first.
    """
    worst = words.worst(findings)
    verdict = words.verdict(trace, findings)
    mood = worst if worst in ("fault", "warning") else "" if unjudged(trace, findings) else "good"
    parts = [
        f'{PAGE_BEGINS}<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_safe(name)}: {_safe(verdict)}</title>",
        f"<style>{STYLE}</style>",
        f"<body><header><h1>{_safe(name)}</h1>",
        f'<p class="muted">{_safe(words.contents(trace))}</p>',
        f'<p class="muted">{_safe(words.known(facts))}</p>',
        *(f'<p class="muted">{_safe(words.remark(one))}</p>' for one in trace.remarks[:_PLOTS]),
        f'<p class="verdict {mood}">{_safe(verdict)}</p></header>',
        "<main>",
        *([] if findings else _overview(trace)),
        *(_article(trace, finding, plot=index < _PLOTS) for index, finding in enumerate(findings)),
        f'</main><footer><p class="muted">{_safe(words.unseen(trace, facts) or "")}</p></footer></body>',
        "</html>\n",
    ]
    return "\n".join(parts)


def _safe(text: object) -> str:
    return html.escape(plain(text, _SENTENCE))


def _article(trace: Trace, finding: Finding, *, plot: bool) -> str:
    where = ", ".join(filter(None, (words.place(finding, trace.axis), words.sureness(finding))))
    parts = [
        f'<article class="{finding.severity}">',
        f'<h2><span class="severity">{finding.severity}</span> {_safe(finding.kind)} ',
        f'<span class="where">{_safe(where)}</span></h2>',
        f"<p>{_safe(finding.sentence)}</p>",
        *(_plots(trace, finding) if plot else []),
        _evidence(finding),
        _list("What else it could be", finding.alternatives),
        _list("What would tell", () if finding.test is None else (finding.test,)),
        _list("Causes that a replay could test", _together(finding.candidate_causes)),
        "</article>",
    ]
    return "".join(parts)


def _plots(trace: Trace, finding: Finding) -> list[str]:
    series = plotted(trace, finding)
    if series is None or finding.signal is None:
        return []
    stretch = marked(finding, series)
    near = closer(series, stretch)
    whole = _figure(finding.signal, series, trace.axis, stretch)
    return [whole] if near is None else [whole, _figure(finding.signal, near, trace.axis, stretch)]


def _overview(trace: Trace) -> list[str]:
    names = [name for name in ("loss", "validation_loss") if len(trace.series(name).step)]
    return [_figure(name, trace.series(name), trace.axis, None) for name in names]


def _figure(name: str, series: Series, axis: str, stretch: tuple[float, float] | None) -> str:
    unit = plain(axis, 20)
    caption = f"{plain(name, 80)}, {unit}s {series.step[0]:,} to {series.step[-1]:,}"
    drawing = curve_svg(series, kind=_kind(name), axis=unit, title=caption, marked=stretch)
    return f"<figure><figcaption>{html.escape(caption)}</figcaption>{drawing}</figure>"


def _kind(name: str) -> str:
    if name.startswith("validation"):
        return "validation"
    if name.startswith("learning_rate"):
        return "learning-rate"
    return "context" if name.startswith(("context", "lyapunov")) else "training"


def _evidence(finding: Finding) -> str:
    pairs = words.evidence(finding)
    items = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in pairs)
    return f"<dl>{items}</dl>" if pairs else ""


def _list(title: str, lines: Sequence[object]) -> str:
    items = "".join(f"<li>{_safe(line)}</li>" for line in lines)
    return f"<h3>{title}</h3><ul>{items}</ul>" if items else ""


def _together(names: Sequence[str]) -> tuple[str, ...]:
    return (", ".join(names),) if names else ()
