"""What is no alarm in a training of this kind, and what somebody planned: findings are dropped, or become notes.

Detectors read curves and know nothing of what they are for. The loss of a policy or of a GAN's sides is no measure of
progress, so what is said of its rise, its standstill or its level is dropped: detectors of their own judge the reward,
the entropy, the other side. A likelihood of densities sharpens without end, and its gradient grows with it. What
begins within `NEAR` of the run behind a planned change is a note that says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from newllm.diagnosis.facts import Facts, Planned
from newllm.diagnosis.losses import comparable, finite, rolling_median
from newllm.diagnosis.roles import known_role
from newllm.diagnosis.training_kind import BELOW_ZERO, TrainingKind, parse_kind, training_kind
from newllm.errors import UserError
from newllm.messages import message
from newllm.trace import Finding, Trace

NEAR = 0.05  # of the run
AT_BEST = 0.05  # on the comparable scale: so near its best a loss is at its best
_OF_PROGRESS = frozenset(
    {
        "spike",
        "diverged",
        "slow-divergence",
        "plateau",
        "worse-than-uniform",
        "worse-than-untrained",
        "loss-drop",
        "over-fitting",
        "validation-gap",
        "training-above-validation",
        "unsteady-validation",
        "squashed-outputs",
        "too-good",
        "periodic-batches",
    }
)


@dataclass(frozen=True)
class Intent:
    """What a person says of a run.

    Attributes:
        kind: of training, one of `training_kind.KINDS` or a usual name of it ("rl", "gan"); None leaves it to a guess.
        roles: columns by the role that they play, where their names do not say so.
        planned: what was planned, by the step that it begins at.
    """

    kind: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    planned: Mapping[float, str] = field(default_factory=dict)

    def added_to(self, facts: Facts) -> Facts:
        """Return facts with what is said here; the person that looks now holds against what was recorded.

        Raises:
            UserError: there is no such kind or role.
        """
        kind = facts.kind if self.kind is None else parse_kind(self.kind)
        roles = {known_role(role): column for role, column in self.roles.items()}
        planned = tuple(Planned(float(step), text) for step, text in self.planned.items())
        return replace(facts, kind=kind, roles={**facts.roles, **roles}, planned=(*facts.planned, *planned))


# What a finding of such trainings explains: of its consequences nothing more is said.
_FOLLOWS: dict[str, frozenset[str]] = {
    "preference-at-reference": frozenset({"repeated-loss", "stale-evaluation", "plateau"}),
    "preference-without-signal": frozenset({"plateau", "over-fitting", "validation-gap"}),
    "discriminator-wins": frozenset({"repeated-loss"}),
    "generator-stands-still": frozenset({"repeated-loss"}),
    "representation-collapse": frozenset({"repeated-loss", "worse-than-untrained", "plateau"}),
    "contrastive-at-chance": frozenset({"repeated-loss", "stale-evaluation", "plateau"}),
    "posterior-collapse": frozenset({"plateau"}),
    "validation-gap": frozenset({"evaluation-behind"}),
}


def intended(findings: Sequence[Finding], trace: Trace, facts: Facts) -> list[Finding]:
    """Return the findings that are findings in such a training, those of planned changes as notes."""
    kind = training_kind(trace, facts)
    follows = {other for finding in findings for other in _FOLLOWS.get(finding.kind, ())}
    kept = [one for one in findings if one.kind not in follows and not _is_usual(one, trace, kind)]
    return [_noted(finding, trace, facts) for finding in kept]


def _is_usual(finding: Finding, trace: Trace, kind: TrainingKind) -> bool:
    if kind.name == "reinforcement" and finding.kind == "repeated-loss":
        return True  # where all episodes earn the same, nothing is to be changed
    if not kind.loss_is_progress and finding.kind in _OF_PROGRESS:
        return not math.isinf(float(finding.evidence.get("peak", 0.0)))
    return finding.kind == "gradient-explosion" and _sharpens(trace)


def _sharpens(trace: Trace) -> bool:
    """Whether a likelihood of densities has gone below zero and stands near its best."""
    loss = finite(trace.series("loss")).value
    if len(loss) < 20 or np.sum(loss < 0) < BELOW_ZERO:
        return False
    level = rolling_median(comparable(loss), max(3, len(loss) // 10))
    return bool(level[-1] - level.min() <= max(AT_BEST, 0.1 * float(np.ptp(level))))


def _noted(finding: Finding, trace: Trace, facts: Facts) -> Finding:
    planned = _planned(finding, trace, facts)
    if planned is None or finding.severity == "note":
        return finding
    said = message(
        "planned-finding", finding=finding.sentence, text=planned.text, axis=trace.axis, step=int(planned.step)
    )
    evidence = {**finding.evidence, "planned": planned.text}
    return replace(finding, severity="note", sentence=said, evidence=evidence)


def _planned(finding: Finding, trace: Trace, facts: Facts) -> Planned | None:
    """Return the plan that a finding comes shortly behind; one that was there before it is none of its making."""
    if finding.first_step is None or not facts.planned:
        return None
    ends = [float(series.step[-1]) for series in trace.signals.values() if len(series.step)]
    spacing = _spacing(trace, finding.signal)
    reach = max(NEAR * max(ends, default=0.0), 2 * spacing)
    near = [one for one in facts.planned if -spacing <= finding.first_step - one.step <= reach]
    return max(near, key=lambda one: one.step, default=None)


def _spacing(trace: Trace, signal: str | None) -> float:
    step = trace.series(signal or "loss").step
    return float(np.median(np.diff(step))) if len(step) > 1 else 1.0


def parse_planned(text: str) -> tuple[float, str]:
    """Return step and text of "STEP=TEXT".

    Raises:
        UserError: it is not of that form.
    """
    step, equals, said = text.partition("=")
    try:
        number = float(step)
    except ValueError:
        number = math.nan
    if not equals or not said.strip() or not math.isfinite(number):
        raise UserError(f"--note '{text}': give STEP=TEXT, as in --note 2000=curriculum")
    return number, said.strip()
