"""What is no alarm in a training of this kind, and what somebody planned: findings are dropped, or become notes.

Detectors read curves and know nothing of what they are for. Three things follow:
- The loss of a policy, or of a generator and its discriminator, is no measure of progress. What is said of its rise,
  its standstill or its level is dropped; the reward, the entropy and the balance of a GAN have detectors of their own.
- Where the loss is a negative log density, it falls below zero without end, and its gradient grows with it: such a
  gradient explosion is dropped.
- What begins within `NEAR` of the run after a planned change, or ends with it, becomes a note that says so, unless
  nobody plans it. A column that is named a stage of a curriculum plans its changes, where the loss comes down again.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from newllm.diagnosis.facts import Facts, Planned
from newllm.diagnosis.losses import comparable, finite, is_validation, rolling_median
from newllm.diagnosis.roles import known_role, role_of
from newllm.diagnosis.training_kind import BELOW_ZERO, TrainingKind, parse_kind, training_kind
from newllm.errors import UserError
from newllm.messages import message
from newllm.trace import Finding, Trace

NEAR = 0.05  # of the run
STAGE = re.compile(
    r"(^|[^a-z])(stage|phase|curriculum|difficulty|level|length|seq_?len|max_?len|horizon|resolution|img_?size|image_?size)"
    r"($|[^a-z])", re.IGNORECASE
)  # fmt: skip
MOST_STAGES, SHORTEST_STAGE = 20, 5  # levels of such a column, points of each
_NEVER_PLANNED = frozenset(
    {
        "cleared-gradient",
        "no-gradient",
        "frozen-layer",
        "gradient-carried",
        "loss-form",
        "not-causal",
        "not-finite",
        "single-target",
    }
)
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
        "validation-rises",
        "validation-gap",
        "training-above-validation",
        "unsteady-validation",
        "squashed-outputs",
        "too-good",
        "periodic-batches",
        "two-levels",
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
        recorded = [one for one in facts.planned if one.step not in self.planned]
        return replace(facts, kind=kind, roles={**facts.roles, **roles}, planned=(*recorded, *planned))


# Findings, and the kinds that they explain: these are dropped.
_HIDES: dict[str, frozenset[str]] = {
    "preference-at-reference": frozenset({"repeated-loss", "stale-evaluation", "plateau"}),
    "preference-without-signal": frozenset({"plateau", "over-fitting", "validation-rises", "validation-gap"}),
    "discriminator-wins": frozenset({"repeated-loss"}),
    "both-sides-win": frozenset({"repeated-loss", "mode-collapse", "generator-wins", "discriminator-wins"}),
    "generator-stands-still": frozenset({"repeated-loss"}),
    "representation-collapse": frozenset({"repeated-loss", "worse-than-untrained", "plateau"}),
    "contrastive-at-chance": frozenset({"repeated-loss", "stale-evaluation", "plateau"}),
    "posterior-collapse": frozenset({"plateau"}),
    "validation-gap": frozenset({"evaluation-behind"}),
    "diverged": frozenset({"plateau"}),
}


def without_intended(findings: Sequence[Finding], trace: Trace, facts: Facts) -> list[Finding]:
    """Return the findings without what is usual in a training of this kind; those of planned changes become notes."""
    kind = training_kind(trace, facts)
    facts = replace(facts, planned=(*facts.planned, *logged_stages(trace)))
    hidden = {other for finding in findings for other in _HIDES.get(finding.kind, ())}
    unusual = [finding for finding in findings if finding.kind not in hidden and not _is_usual(finding, trace, kind)]
    return [planned_as_note(finding, trace, facts) for finding in unusual]


def logged_stages(trace: Trace) -> list[Planned]:
    """Return the changes of columns that hold the stage of a curriculum: few whole numbers, each for a while.

    Those after which the loss never comes back to where it was are left out.
    """
    loss, found = finite(trace.series("loss")), []
    for name in trace.signals:
        stage = finite(trace.series(name))
        if not STAGE.search(name) or role_of(name) or len(stage.value) < 2 * SHORTEST_STAGE:
            continue
        edges = np.flatnonzero(np.diff(stage.value)) + 1
        lasts = np.diff([0, *edges, len(stage.value)])
        if not 0 < len(edges) < MOST_STAGES or lasts.min() < SHORTEST_STAGE or (stage.value % 1).any():
            continue
        for at in edges:
            before = loss.value[loss.step < stage.step[at]][-SHORTEST_STAGE:]
            after = loss.value[loss.step >= stage.step[at]]
            if (
                len(before)
                and len(after) >= SHORTEST_STAGE
                and rolling_median(after, SHORTEST_STAGE).min() <= np.median(before)
            ):
                text = f"{name}: {stage.value[at - 1]:g} -> {stage.value[at]:g}"
                found.append(Planned(float(stage.step[at]), text))
    return found


def _is_usual(finding: Finding, trace: Trace, kind: TrainingKind) -> bool:
    if kind.name == "reinforcement" and finding.kind == "repeated-loss":
        return True  # where all episodes earn the same, nothing is to be changed
    if not kind.loss_is_progress and finding.kind in _OF_PROGRESS:
        return not math.isinf(float(finding.evidence.get("peak", 0.0)))
    return finding.kind == "gradient-explosion" and _sharpens(trace)


def _sharpens(trace: Trace) -> bool:
    """Whether the loss, a negative log density, has gone below zero and stands near its best."""
    loss = finite(trace.series("loss")).value
    if len(loss) < 20 or np.sum(loss < 0) < BELOW_ZERO:
        return False
    level = rolling_median(comparable(loss), max(3, len(loss) // 10))
    return bool(level[-1] - level.min() <= max(AT_BEST, 0.1 * float(np.ptp(level))))


def planned_as_note(finding: Finding, trace: Trace, facts: Facts) -> Finding:
    """Return a finding that begins shortly after a planned change as a note that says so; any other one as it is."""
    planned = _planned(finding, trace, facts)
    if planned is None or finding.severity == "note" or finding.kind in _NEVER_PLANNED:
        return finding
    said = message(
        "planned-finding", finding=finding.sentence, text=planned.text, axis=trace.axis, step=int(planned.step)
    )
    evidence = {**finding.evidence, "planned": planned.text}
    return replace(finding, severity="note", sentence=said, evidence=evidence)


def _planned(finding: Finding, trace: Trace, facts: Facts) -> Planned | None:
    """Return the last planned change shortly before a finding; a finding that began before it has another cause."""
    if finding.first_step is None or not facts.planned:
        return None
    spacing = _spacing(trace, finding.signal)
    reach = max(NEAR * trace.last_step, 2 * spacing)
    near = [one for one in facts.planned if -spacing <= finding.first_step - one.step <= reach]
    # What it ends was of what it changed, as batches that are easy at first.
    ended = [one for one in facts.planned if _ends(finding, one, spacing)]
    return max(near, key=lambda one: one.step, default=None) or min(ended, key=lambda one: one.step, default=None)


def _ends(finding: Finding, planned: Planned, spacing: float) -> bool:
    """Whether what was planned ends a finding that had begun: its last point is the one before it, or there.

    It must say that the batches were easy, or the evaluations hard: that of a training loss may have ended by itself.
    """
    if finding.first_step is None or finding.last_step is None:
        return False
    is_of_data = finding.kind == "loss-drop" or is_validation(finding.signal or "")
    return is_of_data and finding.first_step < planned.step and -spacing <= finding.last_step - planned.step <= 0


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
