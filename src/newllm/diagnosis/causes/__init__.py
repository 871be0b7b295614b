"""What may have brought a finding about, by what in this run speaks for it.

`evidence.py` has all that may speak for a cause, `known.py` the causes, `often.py` where to begin where nothing speaks.
At most one cause is named (`Finding.causes`), and only by evidence that leaves no other: all else stays open
(`Finding.open_causes`, with what speaks for them). All together are the order in which a replay tries them.
"""

from collections.abc import Sequence
from dataclasses import replace

from newllm.diagnosis.blind_tests import probability_of_cause
from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.evidence import EVIDENCE, Evidence
from newllm.diagnosis.causes.kinds import OF_DATA, OF_RATE
from newllm.diagnosis.causes.often import often_causes
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Cause, Finding, Trace

__all__ = ["explained", "seen"]
Seen = tuple[Evidence, Cause]


def explained(findings: Sequence[Finding], trace: Trace, facts: Facts) -> list[Finding]:
    """Return the findings, each with its candidate causes, and the cause that is named, if one is."""
    cases = [
        Case(one, trace, facts, [other for other in findings if other is not one], trace.last_step) for one in findings
    ]
    return [_explained(case, seen(case)) for case in cases]


def seen(case: Case) -> list[Seen]:
    """Return all evidence that is seen, with the cause that it speaks for."""
    if case.finding.kind in OF_DATA | OF_RATE | {"evaluation-in-training-mode"}:  # no other finding explains them
        case = replace(case, others=())
    looks = [(one, one.look(case)) for one in EVIDENCE]
    return [
        (
            one,
            Cause(
                one.cause, probability_of_cause(one.cause) if one.argument else None, message(one.sentence, **numbers)
            ),
        )
        for one, numbers in looks
        if numbers is not None
    ]


def _explained(case: Case, found: Sequence[Seen]) -> Finding:
    proved = [cause for one, cause in found if one.argument][:1]
    hints = [cause for one, cause in found if not one.argument]
    names = [*(one.name for one in [*proved, *hints]), *case.finding.candidate_causes, *often_causes(case)]
    return replace(
        case.finding,
        candidate_causes=tuple(dict.fromkeys(names)),
        causes=tuple(proved),
        open_causes=() if proved else tuple({one.name: one for one in reversed(hints)}.values())[::-1],
    )
