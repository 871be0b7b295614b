"""What the model wrote at its evaluations: the first beside the newest, and a slider over all steps.

Without a script, and on paper, they are a list, the newest first; `web/samples.js` makes two panes of it.
"""

from collections.abc import Sequence

import numpy as np

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.markup import Html, code, folded, joined, tag
from newllm.report.source import Source
from newllm.trace.samples import Sample
from newllm.words.plain import plain

_OPEN, _MOST = 3, 100  # shown at once, and in all
_GIST = 120  # characters of the newest


def samples(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None of a run that wrote nothing."""
    newest = _spread(source.samples)[::-1]
    if not newest:
        return None
    seed = newest[0].seed
    about = words("samples-about_recorded") if seed is None else words("samples-about", seed=seed)
    earlier = joined(_as_html(one, words) for one in newest[_OPEN:])
    rest = folded(words("samples-earlier", count=f"{len(source.samples) - _OPEN:,}"), earlier) if earlier else Html()
    listed = tag("div", *(_as_html(one, words) for one in newest[:_OPEN]), rest, kind="samples")
    gist = plain(newest[0].prompt + newest[0].text, _GIST).strip()
    return Section(source.id("samples"), words("samples"), joined([listed, tag("p", about, kind="muted")]), gist=gist)


def _spread(found: Sequence[Sample]) -> list[Sample]:
    """Return as many as a page holds, from the first to the newest at even distances."""
    places = np.unique(np.linspace(0, len(found) - 1, min(len(found), _MOST)).round().astype(int))
    return [found[place] for place in places.tolist()]


def _as_html(sample: Sample, words: Catalogue) -> Html:
    text = sample.prompt + sample.text
    shown = code(text) if text.strip() else tag("p", words("samples-empty"), kind="muted")
    return tag("div", tag("h3", words("samples-step", step=f"{sample.step:,}")), shown, kind="sample")
