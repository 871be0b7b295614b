"""The causes of a finding, each with what in the run speaks for it and what against it."""

from collections.abc import Iterator
from dataclasses import dataclass

from newllm.diagnosis.causes.known import CAUSES, Known
from newllm.diagnosis.facts import Facts
from newllm.messages import Catalogue
from newllm.trace import Cause, Finding, Trace
from newllm.words.labels import cause_label

_MOST = 4


@dataclass(frozen=True)
class CauseRow:
    """A cause as it is shown.

    Attributes:
        name: in the words of the page.
        percent: how likely it is, None where that is not said.
        named: whether it is the one that the doctor names.
        speaks: for it; empty where nothing does.
        against: it, or what is missing to say more; empty where nothing is known.
    """

    name: str
    percent: int | None
    named: bool
    speaks: str
    against: str


def cause_rows(words: Catalogue, finding: Finding, trace: Trace, facts: Facts) -> list[CauseRow]:
    """Return the named cause, then what something speaks for, then other candidates; empty where nobody looked."""
    if finding.causes is None:
        return []
    return list(_rows(words, finding, trace, facts))[:_MOST]


def _rows(words: Catalogue, finding: Finding, trace: Trace, facts: Facts) -> Iterator[CauseRow]:
    named, hinted = finding.causes or (), finding.open_causes
    for one in named:  # of what replays have shown there is no probability, and nothing is missing
        yield _row(words, one, "" if one.probability is None else words("cause-alone"), named=True)
    for one in hinted:
        yield _row(words, one, words("cause-unproved"), named=False)
    seen = {one.name for one in (*named, *hinted)}
    for name in finding.candidate_causes:
        if name not in seen:
            yield CauseRow(cause_label(words, name), None, False, "", _against(words, name, trace, facts))


def _row(words: Catalogue, cause: Cause, against: str, *, named: bool) -> CauseRow:
    percent = None if cause.probability is None else min(99, round(100 * cause.probability))
    speaks = "" if cause.reason is None else words.text(cause.reason)
    return CauseRow(cause_label(words, cause.name), percent, named, speaks, against)


def _against(words: Catalogue, name: str, trace: Trace, facts: Facts) -> str:
    """Return what is known against a cause that nothing speaks for."""
    known = CAUSES.get(name, Known(""))
    if known.column:
        return words("cause-logged" if len(trace.series(known.column).value) else "cause-unlogged", signal=known.column)
    if known.recorded:
        return words("cause-unrecorded" if facts.origin is None else "cause-recorded")
    return words("cause-unseen")
