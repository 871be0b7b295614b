"""What is told of a run beside sound ones: differences as findings, and notes of what is alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from newllm.diagnosis.against.difference import Difference, as_one
from newllm.diagnosis.against.usual import has_too
from newllm.diagnosis.facts import Facts
from newllm.messages import Message, message
from newllm.trace import Finding, Severity, Trace
from newllm.trace.program import Program

POINTS = 10  # of a signal that is drawn, where there is one


@dataclass(frozen=True)
class Sound:
    """A run that is known to be sound.

    Attributes:
        name: as a person gave it.
        trace, facts, findings: of it.
        program: that trained it; None where none was kept.
        is_doubtful: whether something is found in it that is not usual for its program (`usual`).
    """

    name: str
    trace: Trace
    facts: Facts
    findings: Sequence[Finding]
    program: Program | None = None
    is_doubtful: bool = False


def told_as(
    kind: str,
    found: Sequence[Difference],
    most: int,
    sound: Sequence[Sound],
    trace: Trace,
    severity: Severity,
    **known: str,
) -> Iterable[Finding]:
    """Yield differences as one finding; none where there are none."""
    if not found:
        return
    said = message(
        f"finding-{kind}.sentence",
        other=[one.name for one in sound],
        differences=as_one(found[:most]),
        more=max(0, len(found) - most),
        **known,
    )
    ends = [one.last for one in found if one.last is not None]
    signals = list(dict.fromkeys(one.signal for one in found if one.signal is not None))
    yield Finding(
        kind=kind,
        severity=severity,
        sentence=said,
        first_step=min(one.step for one in found) or None,
        last_step=max(ends) if len(ends) == len(found) else None,
        confidence=None,
        signal=max(signals, key=lambda one: _can_be_drawn(one, trace, sound[0]), default=None),  # the first of equals
        evidence={"signals": signals} if signals else {},
    )


def _can_be_drawn(signal: str, trace: Trace, sound: Sound) -> bool:
    return min(len(one.series(signal).step) for one in (trace, sound.trace)) >= POINTS


def noted(kind: str, evidence: dict[str, list[str]], **known: object) -> Finding:
    """Return a note of one sentence."""
    said = message(f"finding-{kind}.sentence", **known)
    return Finding(kind=kind, severity="note", sentence=said, confidence=None, evidence=dict(evidence))


def kind_of(kind: str) -> Message:
    """Return the kind of a finding in words."""
    return message("against-kind", kind=kind)


def as_in(finding: Finding, others: Sequence[Sound]) -> Finding:
    """Return a finding that says in which runs before it is too."""
    there = [one.name for one in others if has_too(finding, one.findings)]
    return replace(finding, sentence=message("as-before-finding", finding=finding.sentence, other=there))
