"""What a detector or an audit says about a run: plain data, with its evidence."""

from dataclasses import dataclass, field
from typing import Any, Literal

from newllm.messages import Message

Severity = Literal["note", "warning", "fault"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "fault")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding.

    Attributes:
        kind: what it is, a short name with dashes ("spike", "stale-evaluation", "unknown-tokens").
        severity: "note" is worth knowing, "warning" makes a result doubtful, "fault" ruins it.
        sentence: what is said of it, with its numbers; see `newllm.messages`.
        first_step: where it begins, in the units of the trace's axis; None where it has no place (data).
        last_step: where it ends; likewise.
        confidence: between 0 and 1, how sure.
        signal: the series to plot, by its name in the trace; None without one.
        evidence: numbers by name; what was measured and what it was held against.
        alternatives: what else could explain it.
        test: what would tell the explanations apart; None where nothing would.
        candidate_causes: names for a replay to test, the likeliest first ("learning-rate", "additive-context").
        supported_causes: those of them that something in this run speaks for; None where nobody has looked for that.
    """

    kind: str
    severity: Severity
    sentence: Message
    first_step: float | None = None
    last_step: float | None = None
    confidence: float = 1.0
    signal: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    alternatives: tuple[Message, ...] = ()
    test: Message | None = None
    candidate_causes: tuple[str, ...] = ()
    supported_causes: tuple[str, ...] | None = None
