"""What a detector or an audit says about a run: plain data, with its evidence."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from newllm.messages import Message

Severity = Literal["note", "warning", "fault"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "fault")


@dataclass(frozen=True)
class Cause:
    """A likely cause of a finding: judged from the signals, or shown by a verdict of replays.

    Attributes:
        name: as a replay knows it ("learning-rate").
        probability: between 0 and 1, of being the cause; calibrated on other people's runs (docs/doctor-measured.md).
            None where replays have shown it, or an earlier version wrote none.
        reason: what in this run speaks for it; likewise.
    """

    name: str
    probability: float | None
    reason: Message | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding.

    Attributes:
        kind: what it is, a short name with dashes ("spike", "stale-evaluation", "unknown-tokens").
        severity: "note" is worth knowing, "warning" makes a result doubtful, "fault" ruins it.
        sentence: what is said of it, with its numbers; see `newllm.messages`.
        first_step: where it begins, in the units of the trace's axis; None where it has no place (data).
        last_step: where it ends; likewise.
        confidence: how sure its detector is that this happened, between 0 and 1, by which findings are ordered. Of what
            the doctor returns: the probability that it is right (`newllm.diagnosis.blind_tests`); None of a note.
        signal: the series to plot, by its name in the trace; None without one.
        evidence: numbers by name; what was measured and what it was held against.
        alternatives: what else could explain it.
        test: what would tell the explanations apart; None where nothing would.
        candidate_causes: names for a replay to test, the likeliest first ("learning-rate", "additive-context").
        causes: the cause, with evidence that leaves no other, or shown by replays, which gives it no probability; at
            most one, empty where it is not known. None where
            nobody has looked for causes.
        open_causes: where it is not known, what something in the run speaks for, without a probability.
        follows: the kind of the finding that this one is a consequence of; None where it stands for itself.
    """

    kind: str
    severity: Severity
    sentence: Message
    first_step: float | None = None
    last_step: float | None = None
    confidence: float | None = 1.0
    signal: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    alternatives: tuple[Message, ...] = ()
    test: Message | None = None
    candidate_causes: tuple[str, ...] = ()
    causes: tuple[Cause, ...] | None = None
    open_causes: tuple[Cause, ...] = ()
    follows: str | None = None

    @property
    def end(self) -> float:
        """The last step that it is known to have: its first where no last is given, infinite without a place."""
        last = self.first_step if self.last_step is None else self.last_step
        return math.inf if last is None else last

    @property
    def cause_probabilities(self) -> dict[str, float] | None:
        """The probabilities of the named causes; None where nobody has looked for causes, or gave none."""
        given = {one.name: one.probability for one in self.causes or () if one.probability is not None}
        return None if self.causes is None or len(given) < len(self.causes) else given

    @property
    def supported_causes(self) -> tuple[str, ...] | None:
        """The names of the named causes; None where nobody has looked for them."""
        return None if self.causes is None else tuple(one.name for one in self.causes)
