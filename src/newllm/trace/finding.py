"""What a detector or an audit says about a run: plain data, with its evidence."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["note", "warning", "fault"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "fault")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding.

    Attributes:
        kind: what it is, a short name with dashes ("spike", "stale-evaluation", "unknown-tokens").
        severity: "note" is worth knowing, "warning" makes a result doubtful, "fault" ruins it.
        sentence: one sentence for a person, with the numbers.
        first_step: where it begins, in the units of the trace's axis; None where it has no place (data).
        last_step: where it ends; likewise.
        confidence: between 0 and 1, how sure.
        signal: the series to plot, by its name in the trace; None without one.
        evidence: numbers by name; what was measured and what it was held against.
        alternatives: what else could explain it, a sentence each.
        test: what would tell the explanations apart, one sentence.
        candidate_causes: names for a replay to test, the likeliest first ("learning-rate", "additive-context").
    """

    kind: str
    severity: Severity
    sentence: str
    first_step: float | None = None
    last_step: float | None = None
    confidence: float = 1.0
    signal: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    alternatives: tuple[str, ...] = ()
    test: str = ""
    candidate_causes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data; numbers that are not finite are None in it."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
