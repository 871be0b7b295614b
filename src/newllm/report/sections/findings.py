"""What the doctor found, a card each: the sentence, how sure, the evidence, what else it could be, what would tell."""

from collections import Counter

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.charts.figure import span
from newllm.report.markup import Html, block, folded, joined, listed, pairs, said_in, tag
from newllm.report.source import Source
from newllm.trace import Finding
from newllm.words.diagnosis import causes, evidence, standing, tally, would_tell
from newllm.words.labels import axis_label, kind_label

_IN_FULL = 3  # cards that say at once what their kind is
_MOST = 60


def findings(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where nothing was found."""
    if not source.findings:
        return None
    grave = [one for one in source.findings if one.severity != "note"]
    notes = [one for one in source.findings if one.severity == "note"]
    told: set[str] = set()  # kinds that were explained: the second of a kind needs it no more
    cards = [
        _card(source, words, one, told, brief=at >= _IN_FULL or one.follows is not None)
        for at, one in enumerate(grave[:_MOST])
    ]
    more = [_card(source, words, one, told, brief=True) for one in notes[:_MOST]]
    left = max(0, len(grave) - _MOST) + max(0, len(notes) - _MOST)
    parts = [
        tag("p", tally(words, Counter(one.severity for one in source.findings)), kind="muted"),
        *cards,
        *([tag("h3", words("notes")), *more] if more else []),
        *([tag("p", words("more_findings", count=f"{left:,}"), kind="muted")] if left else []),
    ]
    return Section(source.id("findings"), words("findings"), joined(parts))


def steps_of(source: Source, finding: Finding, words: Catalogue) -> str:
    """Return where a finding is: "step 39 to 46"; empty where it has no step."""
    if finding.first_step is None:
        return ""
    axis = axis_label(words, source.trace.axis)
    if finding.last_step is None and finding.first_step < source.trace.last_step:
        return words("from_on", axis=axis, first=span(finding.first_step, finding.first_step, words))
    return words("at", axis=axis, span=span(finding.first_step, finding.end, words))


def _card(source: Source, words: Catalogue, finding: Finding, sentences: set[str], *, brief: bool) -> Html:
    """Return one finding; of a brief one what it is stands with the evidence, to unfold."""
    where = words("list").join(part for part in (steps_of(source, finding, words), standing(words, finding)) if part)
    meaning = "" if finding.kind in sentences else (words.get(f"finding-{finding.kind}.explained") or "")
    sentences.add(finding.kind)
    explained = tag("p", meaning, kind="muted") if meaning else Html()
    sentence = tag("p", said_in(words, finding.sentence), kind="sentence")
    # Where the sentence is in another language than the page, what it is comes first, in the page's own.
    shown = [sentence, Html() if brief else explained] if words.lang == "en" else [explained, sentence]
    inside = joined([explained if brief and words.lang == "en" else "", _behind(source, words, finding)])
    name = Html() if words.lang == "en" else joined([" ", tag("code", finding.kind)])
    return tag(
        "article",
        tag("h3", tag("span", words(f"severity-{finding.severity}"), kind="severity"), " ",
            kind_label(words, finding.kind), name, " ", tag("span", where, kind="where")),
        *shown,
        folded(words("evidence-brief" if brief else "evidence"), inside),
        kind=finding.severity,
    )  # fmt: skip


def _behind(source: Source, words: Catalogue, finding: Finding) -> Html:
    """Return what a finding rests on, and how to tell what is behind it."""
    behind = causes(words, finding)
    tests = would_tell(words, finding, source.trace, source.facts)
    parts = [
        pairs(evidence(words, finding)),
        block(words("alternatives"), listed(said_in(words, one) for one in finding.alternatives)),
        block(words("would_tell"), joined(tag("p", said_in(words, one)) for one in tests)),
        block(words("causes"), tag("p", behind) if behind else Html()),
    ]
    return joined(parts)
