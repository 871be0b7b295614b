"""One fault, several findings: which of them is the root, and which follow from it.

A finding that saw the cause itself (a learning rate that jumped, gradients that were never cleared) is the root of
those that name the same cause. Without one, what rises at the same time is one event, and the gravest speaks for it;
but a spike on the way down from where a loss was worse than at its start is no more than a part of that, and a spike
of training speaks for the rise of validation behind it, which evaluations date late.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from newllm.diagnosis.causes.kinds import EVENTS, NEAR
from newllm.diagnosis.losses import is_validation
from newllm.trace import SEVERITIES, Finding, Severity

# The earlier ones are nearer to the cause: of two that name the same the earlier is the root.
ROOTS = (
    "changed-state",
    "renewed-optimizer",
    "cleared-gradient",
    "ranks-apart",
    "rank-outlier",
    "loss-form",
    "changed-targets",
    "target-shift",
    "not-causal",
    "unread-tokens",
    "batch-as-time",
    "no-context",
    "lost-writes",
    "equal-views",
    "single-target",
    "ignored-class",
    "reversed-weights",
    "unasked-end",
    "place-in-batch",
    "padding-counted",
    "unasked-rows",
    "target-in-input",
    "input-axes",
    "input-scale",
    "changed-inputs",
    "outlier-batch",
    "evaluation-inputs",
    "below-chance",
    "repeated-batch",
    "tiny-batch",
    "doubtful-setting",
    "trained-validation",
    "update-in-evaluation-mode",
    "one-class-batches",
    "loss-multiple",
    "target-scale",
    "outputs-bounded",
    "mirrored-targets",
    "uniform-noise",
    "copy-without-statistics",
    "untrained-start",
    "weight-decay",
    "learning-rate-jump",
    "learning-rate-zero",
    "warm-up-unfinished",
    "schedule-turned",
    "resume-jump",
    "gradient-carried",
    "constant-output",
    "no-gradient",
    "generator-stands-still",
    "both-sides-win",
    "discriminator-wins",
    "generator-wins",
    "mode-collapse",
    "reward-falls",
    "entropy-collapse",
    "reward-stays",
    "reward-hacking",
    "values-above-returns",
    "kl-weight",
    "posterior-collapse",
    "kl-explosion",
    "preference-at-reference",
    "reference-differs",
    "preference-without-signal",
    "representation-collapse",
    "contrastive-at-chance",
    "auxiliary-loss",
    "loss-scale",
    "memory-growth",
    "throughput-drop",
    "accumulation-scale",
    "second-moment",
    "context-growth",
    "lost-updates",
    "frozen-layer",
    "dead-units",
    "data-order",
    "periodic-batches",
    "two-levels",
    "loss-drop",
    "dominated-part",
    "impossible-loss",
    "squashed-outputs",
    "too-good",
    "evaluation-behind",
    "validation-gap",
    "over-fitting",
    "validation-rises",
)
SEEN = frozenset({
    "changed-state", "renewed-optimizer", "cleared-gradient", "ranks-apart", "rank-outlier", "loss-form",
    "changed-targets", "target-shift", "not-causal", "unread-tokens", "batch-as-time", "single-target", "ignored-class",
    "reversed-weights", "unasked-end", "padding-counted", "unasked-rows", "target-in-input", "input-axes",
    "evaluation-inputs", "repeated-batch", "trained-validation", "update-in-evaluation-mode",
    "evaluation-in-training-mode", "one-class-batches", "mirrored-targets", "uniform-noise", "untrained-start",
    "copy-without-statistics", "no-context", "learning-rate-zero", "gradient-carried", "no-gradient", "frozen-layer",
    "lost-updates", "lost-writes", "equal-views", "periodic-batches", "stale-evaluation", "repeated-loss",
})  # fmt: skip
"""Findings that saw the mistake itself, as the training was given it or did it: no other run is needed to show it."""
STANDS = frozenset({"plateau", "early-standstill", "stale-evaluation", "repeated-loss"})
UNMOVED = frozenset({"no-gradient", "lost-updates", "learning-rate-zero", "cleared-gradient", "place-in-batch"})
BRINGS_RISES = frozenset({"rank-outlier", "contrastive-at-chance", "posterior-collapse"})
"""What one rank began all see; of a representation, or a code, that is lost a rise of the loss is what came of it."""
COMES_OF = dict.fromkeys(("over-fitting", "validation-rises"), frozenset({"validation-gap"}))
SPOILS = frozenset({"input-axes"})
"""What spoils all inputs from the first step on: whatever has no cause of its own comes of that."""
SPOILS_EVALUATIONS = frozenset({"copy-without-statistics"})
OF_EVALUATIONS = frozenset({
    "quality-lost", "over-fitting", "validation-rises", "validation-gap", "constant-accuracy", "metric-unmoved",
    "unsteady-validation", "evaluation-behind",
})  # fmt: skip
WORSE = frozenset({"worse-than-untrained", "worse-than-uniform"})
LATE = 0.1  # of the run: what a root shows so much later than another finding is not behind that


def rooted(
    findings: Sequence[Finding],
    length: float,
    order: Callable[[Finding], tuple[int, bool, float, bool]],
    evaluated: Sequence[float] = (),
) -> list[Finding]:
    """Return the findings in order, each root followed by what follows from it, and as grave as the gravest of these.

    Args:
        findings: with their causes.
        length: of the run, in the units of the trace's axis.
        order: what they are sorted by; a root stands where the gravest of its consequences would, of equals by its own
            last part.
        evaluated: the steps of the evaluations, rising; between two of them nobody knows when validation rose.
    """
    ordered = sorted(findings, key=order)  # stable: what is equal stays in the order of the detectors
    found = {at: root for at in range(len(ordered)) if (root := _root(at, ordered, length, evaluated)) is not None}
    roots = {at: _top(root, found) for at, root in found.items()}
    members = {root: [at for at, of in roots.items() if of == root] for root in set(roots.values())}
    heads = [at for at in range(len(ordered)) if at not in roots]
    gravest = {at: min(order(ordered[one])[:-1] for one in [at, *members.get(at, [])]) for at in heads}
    heads.sort(key=lambda at: (gravest[at], order(ordered[at])[-1]))
    return [
        one
        for at in heads
        for one in [
            replace(ordered[at], severity=max(_severities(ordered, [at, *members.get(at, [])]), key=SEVERITIES.index)),
            *(replace(ordered[member], follows=ordered[at].kind) for member in members.get(at, [])),
        ]
    ]


def families(findings: Sequence[Finding]) -> list[tuple[Finding, tuple[Finding, ...]]]:
    """Return each finding that stands for itself, with those that follow from it, in the order of `rooted`."""
    found: list[tuple[Finding, list[Finding]]] = []
    for one in findings:
        root = next((family for family in reversed(found) if family[0].kind == one.follows), None)
        if root is None:  # also where its root is not there
            found.append((one, []))
        else:
            root[1].append(one)
    return [(root, tuple(others)) for root, others in found]


def _begins_before(origin: Finding, finding: Finding, near: float) -> bool:
    """Whether a finding begins where another does, or soon after."""
    if origin.first_step is None or finding.first_step is None:
        return False
    return origin.first_step - near <= finding.first_step <= origin.first_step + near


def _severities(ordered: Sequence[Finding], places: Sequence[int]) -> list[Severity]:
    return [ordered[at].severity for at in places]


def _root(at: int, ordered: Sequence[Finding], length: float, evaluated: Sequence[float]) -> int | None:
    finding = ordered[at]
    if finding.kind == "gradient-explosion" and (place := _unheld(finding, ordered, length)) is not None:
        return place
    if finding.severity == "note":
        return None
    alarms = {place: one for place, one in enumerate(ordered) if one.severity != "note"}
    if finding.causes and (place := _of_same_cause(finding, alarms, length)) is not None:
        return place
    spoils = SPOILS | (SPOILS_EVALUATIONS if finding.kind in OF_EVALUATIONS else frozenset())
    spoilt = next((place for place, one in alarms.items() if one.kind in spoils), None)
    if spoilt is not None and spoilt != at and not finding.causes:
        return spoilt
    # What stands because no weight moves, or none that helps; what was never learnt of validation is not lost by
    # learning too much.
    origins = UNMOVED if finding.kind in STANDS and not finding.causes else COMES_OF.get(finding.kind)
    if origins is not None:
        origin = next((place for place, one in alarms.items() if one.kind in origins), None)
        return _event_behind_best(finding, alarms, length, evaluated) if origin is None else origin
    if finding.kind not in EVENTS:
        return None
    for place, one in alarms.items():
        if one.kind in BRINGS_RISES and _begins_before(one, finding, NEAR * length):
            return place
    events = {place: one for place, one in alarms.items() if one.kind in EVENTS}
    wholes = {place: _whole(one, events, length, evaluated) for place, one in events.items()}
    if wholes[at] is not None:
        return wholes[at]
    before = (place for place in events if place < at and wholes[place] is None)
    return next((place for place in before if _is_one_event(events[place], finding, length)), None)


def _of_same_cause(finding: Finding, alarms: Mapping[int, Finding], length: float) -> int | None:
    """Return the place of the finding that saw the cause itself, of those that name the same."""
    named = (finding.causes or ())[0].name
    nearer = ROOTS[: ROOTS.index(finding.kind)] if finding.kind in ROOTS else ROOTS
    same = [
        place
        for place, one in alarms.items()
        if one.causes and one.causes[0].name == named and one.kind in nearer and not _is_later(one, finding, length)
    ]
    return min(same, key=lambda place: ROOTS.index(alarms[place].kind), default=None)


def _unheld(explosion: Finding, ordered: Sequence[Finding], length: float) -> int | None:
    """Return the place of layers whose gradients add up: an optimizer clears none that it was not given."""
    late = [place for place, one in enumerate(ordered) if one.kind == "frozen-layer" and "adds_up" in one.evidence]
    return next((place for place in late if not _is_later(ordered[place], explosion, length)), None)


def _event_behind_best(
    rise: Finding, alarms: Mapping[int, Finding], length: float, evaluated: Sequence[float]
) -> int | None:
    """Return the place of the spike of training that took validation with it, right behind its best evaluation.

    Not of one with a cause, of which it may have said itself what it follows from.
    """
    behind = next((step for step in evaluated if step > (rise.first_step or 0.0)), None)
    if rise.kind not in COMES_OF or behind is None:
        return None
    took = [
        place
        for one in alarms.values()
        if one.kind in EVENTS and one.first_step == behind
        for place, training in alarms.items()
        if not training.causes and _is_dated_by(one, training, length, evaluated)
    ]
    return next((place for place in took if (alarms[place].first_step or 0.0) >= (rise.first_step or 0.0)), None)


def _whole(finding: Finding, events: Mapping[int, Finding], length: float, evaluated: Sequence[float]) -> int | None:
    """Return the place of the event that a finding is a part of, or that dates it."""
    whole = next((place for place, one in events.items() if _is_part(finding, one)), None)
    if whole is not None:
        return whole
    return next((place for place, one in events.items() if _is_dated_by(finding, one, length, evaluated)), None)


def _is_later(other: Finding, finding: Finding, length: float) -> bool:
    """Whether a finding begins too late for another one to follow from it."""
    if finding.first_step is None or other.first_step is None:
        return False
    return other.first_step > finding.first_step + LATE * length


def _is_dated_by(validation: Finding, training: Finding, length: float, evaluated: Sequence[float]) -> bool:
    """Whether a rise of a validation loss is that of training, which dates it better: evaluations are few."""
    if not is_validation(validation.signal or "") or is_validation(training.signal or "") or training.signal is None:
        return False
    seen, first = validation.first_step or 0.0, training.first_step or 0.0
    before = max((step for step in evaluated if step < seen), default=seen)
    may_have_begun = seen if _names_other_cause(validation, training) else before
    return (
        training.kind == "spike"
        and first <= seen
        and (first > may_have_begun or _is_one_event(validation, training, length))
    )


def _names_other_cause(finding: Finding, other: Finding) -> bool:
    return bool(finding.causes and other.causes and finding.causes[0].name != other.causes[0].name)


def _is_part(spike: Finding, stretch: Finding) -> bool:
    """Whether a spike lies in a stretch above the start of the same loss that began earlier and was higher."""
    if spike.kind != "spike" or stretch.kind not in WORSE or spike.signal != stretch.signal or spike.causes:
        return False
    if spike.first_step is None or stretch.first_step is None:
        return False
    inside = stretch.first_step < spike.first_step and spike.end <= stretch.end
    return inside and stretch.evidence.get("worst", 0.0) > spike.evidence.get("peak", math.inf)


def _is_one_event(finding: Finding, other: Finding, length: float) -> bool:
    """Whether two findings begin and end near each other, and do not name different causes."""
    if finding.first_step is None or other.first_step is None:
        return False
    if _names_other_cause(finding, other):
        return False
    near = NEAR * length
    return finding.first_step - near <= other.end and other.first_step - near <= finding.end


def _top(at: int, roots: dict[int, int]) -> int:
    """Return the root of a root. There is no circle.

    A root is higher in `ROOTS`; or, of events, a stretch for a spike of the same loss, a spike of training for what is
    validation's; or, of those that have no such whole, an earlier one.
    """
    while at in roots:
        at = roots[at]
    return at
