"""What the model wrote at its evaluations, the newest first."""

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.markup import Html, block, code, folded, joined, tag
from newllm.report.source import Source
from newllm.trace.samples import Sample
from newllm.words.plain import plain

_OPEN, _MOST = 3, 100  # shown at once, and in all
_GIST = 120  # characters of the newest


def samples(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None of a run that wrote nothing."""
    newest = source.samples[::-1]
    if not newest:
        return None
    about = tag("p", words("samples-about", seed=newest[0].seed), kind="muted")
    earlier = joined(_as_html(one, words) for one in newest[_OPEN:_MOST])
    rest = folded(words("samples-earlier", count=f"{len(newest) - _OPEN:,}"), earlier) if earlier else Html()
    html = joined([*(_as_html(one, words) for one in newest[:_OPEN]), rest, about])
    gist = plain(newest[0].prompt + newest[0].text, _GIST).strip()
    return Section(source.id("samples"), words("samples"), html, gist=gist)


def _as_html(sample: Sample, words: Catalogue) -> Html:
    text = sample.prompt + sample.text
    shown = code(text) if text.strip() else tag("p", words("samples-empty"), kind="muted")
    return block(words("samples-step", step=f"{sample.step:,}"), shown)
