"""What the run read: texts with their checksums, the split, counts, and what the audits found in them."""

from collections.abc import Mapping
from typing import Any

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.markup import Html, block, folded, joined, listed, pairs, said_in, table, tag
from newllm.report.source import Source
from newllm.words.labels import evidence_label, kind_label
from newllm.words.numbers import value
from newllm.words.plain import plain

_MOST = 50  # sources
_NAMED, _NAME = 3, 60  # sources in the gist, and characters of each


def data(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where nothing is known of the data."""
    if not source.data and not source.facts.data:
        return None
    parts = [
        _sources(source.data.get("sources"), words),
        block(words("data-counts"), _counts(source.data, words)),
        block(words("data-audits"), _audits(source, words)),
        _facts(source.facts.data, words),
    ]
    return Section(source.id("data"), words("data"), joined(parts), gist=_gist(source.data.get("sources"), words))


def _gist(listed: Any, words: Catalogue) -> str:
    names = [str(one.get("name", "")) for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return words("list").join(plain(name, _NAME) for name in names[:_NAMED])


def _sources(listed: Any, words: Catalogue) -> Html:
    rows = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    if not rows:
        return Html()
    cells = [
        [one.get("name", ""), value(words, one.get("bytes")), tag("code", one.get("sha256", ""), kind="hash")]
        for one in rows[:_MOST]
    ]
    left = len(rows) - _MOST
    more = tag("p", words("data-more", count=f"{left:,}"), kind="muted") if left > 0 else Html()
    heads = [words("data-text"), words("data-bytes"), "SHA-256"]
    return joined([table(heads, cells, about=words("data-text"), text=(2,)), more])


def _counts(about: Mapping[str, Any], words: Catalogue) -> Html:
    items: list[tuple[str, Any]] = []
    tokenizer, split, counts = (_table(about, name) for name in ("tokenizer", "split", "counts"))
    items += [(words("data-tokenizer"), tokenizer["name"])] if "name" in tokenizer else []
    items += [(words("data-vocabulary"), tokenizer["vocab_size"])] if "vocab_size" in tokenizer else []
    items += [(words("data-format"), about["format"])] if "format" in about else []
    items += [(words("data-fraction"), split["fraction"])] if "fraction" in split else []
    items += [(words("data-blocks"), split["blocks"])] if "blocks" in split else []
    items += [(evidence_label(words, name), item) for name, item in list(counts.items())[:_MOST]]
    print_of = (
        [(words("data-fingerprint"), tag("code", about["fingerprint"], kind="hash"))] if "fingerprint" in about else []
    )
    return pairs([*((label, value(words, item)) for label, item in items), *print_of])


def _audits(source: Source, words: Catalogue) -> Html:
    """Return what was found in the data: findings that have no place in the run and no curve."""
    found = [one for one in source.findings if one.first_step is None and one.signal is None]
    if not found:
        return tag("p", words("data-sound")) if source.facts.data else Html()
    return listed(
        joined([
            tag("span", words(f"severity-{one.severity}"), kind=f"severity {one.severity}"), " ",
            tag("strong", kind_label(words, one.kind)), " ", said_in(words, one.sentence),
        ])
        for one in found
    )  # fmt: skip


def _facts(facts: Mapping[str, Any] | None, words: Catalogue) -> Html:
    """Return all that was counted, to unfold."""
    if not facts:
        return Html()
    told = pairs((evidence_label(words, name), value(words, item)) for name, item in list(facts.items())[:_MOST])
    return folded(words("data-facts"), told, kind="wide")


def _table(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = about.get(name)
    return found if isinstance(found, Mapping) else {}
