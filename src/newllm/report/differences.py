"""What is said of a run that was held against another one: a sentence, and a list where it names differences."""

from newllm.messages import Catalogue
from newllm.report.markup import Html, joined, listed, tag
from newllm.trace import Finding
from newllm.words.differences import in_lines

_OF_CODE = "program-differs"


def told(finding: Finding, words: Catalogue) -> Html:
    """Return the sentence of a finding with its list; what stands between backticks is code where code differs."""
    beginning, lines = in_lines(words, finding.sentence)
    if finding.kind != _OF_CODE:
        return Html(tag("p", beginning) + listed(lines))
    return Html(tag("p", _coded(beginning)) + listed(map(_coded, lines)))


def _coded(line: str) -> Html:
    parts = enumerate(line.split("`"))
    return joined(tag("code", part) if at % 2 else part for at, part in parts)
