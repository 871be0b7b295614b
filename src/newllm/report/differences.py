"""What is said of a run that was held against another one: sentences, lists of differences, lines of programs."""

from collections.abc import Iterator

from newllm.bisection.change import Change
from newllm.bisection.result import Bisection
from newllm.messages import Catalogue
from newllm.report.markup import Html, code, joined, listed, said_in, tag
from newllm.trace import Finding
from newllm.words.differences import in_lines

_OF_CODE = "program-differs"


def finding_text(finding: Finding, words: Catalogue, *, kind: str | None = None) -> Html:
    """Return the sentence of a finding with its list; what stands between backticks is code where code differs.

    Args:
        finding: what is said.
        words: the language.
        kind: class of the sentence.
    """
    if finding.sentence.id == "quoted":
        return tag("p", said_in(words, finding.sentence), kind=kind)
    beginning, lines = in_lines(words, finding.sentence)
    if finding.kind != _OF_CODE:
        return Html(tag("p", beginning, kind=kind) + listed(lines))
    return Html(tag("p", _coded(beginning), kind=kind) + listed(map(_coded, lines)))


def bisected(found: Bisection, words: Catalogue) -> Html:
    """Return what `newllm bisect` found: its sentences, and the lines of the changes."""
    said = tag("p", joined((said_in(words, one) for one in found.sentences()), words("sentence-gap")))
    return joined([said, *(code("\n".join(_diff(one))) for one in found.smallest)])


def _coded(line: str) -> Html:
    parts = enumerate(line.split("`"))
    return joined(tag("code", part) if at % 2 else part for at, part in parts)


def _diff(change: Change) -> Iterator[str]:
    """Yield a change as the lines that it takes away and adds."""
    yield change.place
    for sign, lines in (("-", change.there), ("+", change.here)):
        shown = [" ".join(lines)] if change.kind == "option" and lines else lines
        yield from (f"{sign} {line.rstrip()}" for line in shown)
