"""A diagnosis as one HTML file: no script, no network, its plots inline, light and dark.

Text from a log is made printable (`plain`) and then escaped; it never stands in an attribute but `aria-label`.
"""

import html
from collections.abc import Sequence

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.roots import families
from newllm.diagnosis.training_kind import reads_text
from newllm.messages import Catalogue
from newllm.report.charts.curve_svg import curve_svg
from newllm.report.differences import finding_text
from newllm.report.stylesheet import POLICY, STYLE
from newllm.report.window import closer, marked, plotted
from newllm.trace import Finding, Series, Trace
from newllm.words import coverage, diagnosis
from newllm.words.causes import CauseRow, cause_rows
from newllm.words.checks import wrong_line
from newllm.words.labels import axis_label, kind_name
from newllm.words.plain import plain

PAGE_NAME = '<meta name="generator" content="newllm doctor">'
_PLOTS = 40  # a page stays below a few MB
_SENTENCE = 2000  # characters


def diagnosis_page(
    name: object,
    trace: Trace,
    facts: Facts,
    findings: Sequence[Finding],
    words: Catalogue,
    *,
    sound: tuple[object, Trace] | None = None,
) -> str:
    """Return the page; `PAGE_NAME` stands in its first lines.

    Args:
        name: of what was read, such as its path.
        trace: what was judged.
        facts: what was known beside it.
        findings: what matters most first.
        words: the language.
        sound: name and trace of a sound run that it was held against, whose curves are drawn in grey.
    """
    words = words.about(text=reads_text(trace, facts))
    headline, mood = diagnosis.headline(words, trace, findings, facts), diagnosis.mood(trace, findings, facts)
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
        f'<p class="verdict {mood}">{_safe(headline)}</p>',
        *([f"<p>{_safe(line)}</p>"] if (line := wrong_line(words, facts.check)) else []),
        "</header>",
        "<main>",
        *([] if findings else _overview(trace, words)),
        *(
            _article(trace, facts, root, following, words, sound if index < _PLOTS else None, plot=index < _PLOTS)
            for index, (root, following) in enumerate(families(findings))
        ),
        f"</main><footer>{_coverage(trace, facts, findings, words)}</footer></body>",
        "</html>\n",
    ]
    return "\n".join(parts)


def _safe(text: object) -> str:
    return html.escape(plain(text, _SENTENCE))


def _article(
    trace: Trace,
    facts: Facts,
    root: Finding,
    following: Sequence[Finding],
    words: Catalogue,
    sound: tuple[object, Trace] | None,
    *,
    plot: bool,
) -> str:
    """Return a root fault with its evidence, its causes, and what follows from it."""
    parts = [
        f'<article class="{root.severity}">',
        f"<h2>{_heading(root, trace, words)}</h2>",
        finding_text(root, words),
        *(_plots(trace, root, words, sound) if plot else []),
        _evidence(root, words),
        _causes(root, trace, facts, words),
        _list(words("alternatives"), [words.text(one) for one in root.alternatives]),
        _list(words("would_tell"), [words.text(one) for one in diagnosis.would_tell(words, root, trace, facts)]),
        _consequences(following, trace, words),
        "</article>",
    ]
    return "".join(parts)


def _heading(finding: Finding, trace: Trace, words: Catalogue) -> str:
    where = diagnosis.steps(words, finding, trace.axis), "" if finding.follows else diagnosis.sureness(words, finding)
    return (
        f'<span class="severity {finding.severity}">{_safe(words(f"severity-{finding.severity}"))}</span> '
        f'<b>{_safe(kind_name(words, finding.kind))}</b> <span class="where">'
        f"{_safe(words('list').join(filter(None, where)))}</span>"
    )


def _consequences(following: Sequence[Finding], trace: Trace, words: Catalogue) -> str:
    lines = [
        f"<li>{_heading(one, trace, words)}<br>{_safe(words.text(one.sentence))}</li>" for one in following[:_PLOTS]
    ]
    title = words("consequences", count=len(following))
    return f"<h3>{_safe(title)}</h3><ul>{''.join(lines)}</ul>" if lines else ""


def _causes(finding: Finding, trace: Trace, facts: Facts, words: Catalogue) -> str:
    """Return the causes with what speaks for and against each; where nobody looked for them, their names."""
    rows = cause_rows(words, finding, trace, facts)
    if not rows:
        return _list(words("doctor-causes"), tuple(filter(None, [diagnosis.causes(words, finding)])))
    unknown = "" if any(row.named for row in rows) else f'<p class="muted">{_safe(words("cause-none_named"))}</p>'
    return f"<h3>{_safe(words('causes-heading'))}</h3>{unknown}<ul>{''.join(_cause(row, words) for row in rows)}</ul>"


def _cause(row: CauseRow, words: Catalogue) -> str:
    percent = "" if row.percent is None else f" ({words('percent', percent=row.percent)})"
    told = [
        f'<br><span class="muted">{_safe(words(f"cause-{side}"))}{_safe(words("terminal-colon"))}</span>{_safe(text)}'
        for side, text in (("speaks", row.speaks), ("against", row.against))
        if text
    ]
    return f"<li><b>{_safe(row.name)}</b>{_safe(percent)}{''.join(told)}</li>"


def _coverage(trace: Trace, facts: Facts, findings: Sequence[Finding], words: Catalogue) -> str:
    """Return what the ledger of the state shows, and folded what was checked and what could not be."""
    lines = coverage.sound_subjects(words, trace, facts, findings)
    lacks = [
        *(words("doubtful-one", subject=one) for one in coverage.doubtful_subjects(words, trace, facts, findings)),
        *(words.text(one) for one in coverage.unseen_parts(trace, facts)),
    ]
    folds = [
        f"<details><summary>{_safe(words(key, count=len(told)))}</summary>"
        f"<ul>{''.join(f'<li>{_safe(one)}</li>' for one in told)}</ul></details>"
        for key, told in (("sound-count", lines), ("unseen-count", lacks))
        if told
    ]
    state = coverage.ledger(words, trace)
    return "".join([f"<p>{_safe(state)}</p>" if state else "", *folds])


def _plots(trace: Trace, finding: Finding, words: Catalogue, sound: tuple[object, Trace] | None) -> list[str]:
    series = plotted(trace, finding)
    if series is None or finding.signal is None:
        return []
    region = marked(finding, series)
    behind = plotted(sound[1], finding) if sound is not None else None
    other = None if sound is None or behind is None else (sound[0], behind)
    near = closer(series, region)
    whole = _figure(finding.signal, series, trace.axis, words, region, other)
    return [whole] if near is None else [whole, _figure(finding.signal, near, trace.axis, words, region, other)]


def _overview(trace: Trace, words: Catalogue) -> list[str]:
    names = [name for name in ("loss", "validation_loss") if len(trace.series(name).step)]
    return [_figure(name, trace.series(name), trace.axis, words, None) for name in names]


def _figure(
    name: str,
    series: Series,
    axis: str,
    words: Catalogue,
    region: tuple[float, float] | None,
    other: tuple[object, Series] | None = None,
) -> str:
    unit = axis_label(words, axis)
    steps = words("steps-range", axis=unit, first=f"{series.step[0]:,}", last=f"{series.step[-1]:,}")
    caption = words("doctor-figure", signal=plain(name, 80), steps=steps)
    behind = None if other is None else other[1]
    drawing = curve_svg(series, kind=_kind(name), axis=unit, title=caption, marked=region, words=words, behind=behind)
    told = [caption] if other is None else [caption, words("figure-in_grey", other=str(other[0]))]
    return f"<figure><figcaption>{_safe(words('list').join(told))}</figcaption>{drawing}</figure>"


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
