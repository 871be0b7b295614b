"""What is said of a verdict in the language of a page; what there is in English only is named as English."""

from collections.abc import Mapping, Sequence
from typing import Any

from newllm.messages import Catalogue
from newllm.report import verdict_words as said
from newllm.report.language import changes_ja, verdict_evidence_ja, verdict_sentences_ja
from newllm.report.markup import Html, english, joined, safe, tag
from newllm.trace import Tried, Verdict


def sentences(verdict: Verdict, words: Catalogue) -> list[Html]:
    """Return the three sentences; where replays cannot be believed, what was written of that."""
    if words.lang == "ja" and verdict.identical and len(verdict.sentences) == 3:
        return [safe(one) for one in verdict_sentences_ja.sentences(verdict)]
    return [english(words, one) for one in verdict.sentences]


def missing(verdict: Verdict, words: Catalogue) -> list[Html]:
    """Return what is missing for a cause, without what the sentences say."""
    left = [one for one in verdict.missing if not any(one in sentence for sentence in verdict.sentences)]
    return [safe(verdict_sentences_ja.missing(one)) if words.lang == "ja" else safe(one) for one in left]


def cause(verdict: Verdict, words: Catalogue) -> list[tuple[str, str]]:
    """Return what speaks for the cause that is named, each with its label."""
    return verdict_evidence_ja.cause(verdict) if words.lang == "ja" else said.cause(verdict)


def suspects(items: Sequence[Mapping[str, Any]], words: Catalogue) -> list[tuple[str, str]]:
    """Return what speaks for which cause."""
    return verdict_evidence_ja.suspects(items) if words.lang == "ja" else said.suspects(items)


def named(tried: Tried, words: Catalogue) -> Html:
    """Return the name of a change; where the page is in another language than the name, with what it does under it."""
    if words.lang != "ja":
        return safe(tried.name)
    return joined([tried.name, tag("small", changes_ja.change(tried), kind="what")])


def details(tried: Tried, words: Catalogue) -> Html:
    """Return what was changed, what it moved, and what it costs if it is kept."""
    if words.lang == "ja":
        told = (f"{changes_ja.change(tried)}。", *(said_of(tried) for said_of in _OF_JA), changes_ja.price(tried))
        return joined(filter(None, told))
    return joined(filter(None, (said.change(tried), said.moved(tried), said.left(tried), said.price(tried))), " ")


_OF_JA = (verdict_evidence_ja.moved, verdict_evidence_ja.left)
