"""What of a run was looked at without an alarm: a diagnosis that finds little says at least what that is worth.

That no rule fired does not make a thing sound. So a loss that has not fallen, or ends clearly above its lowest, is not
called so, and nothing is said of a gradient that has grown or faded by far, nor of a learning rate beside a loss that
raises an alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.causes.kinds import OF_DATA
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.trace import Finding, Trace

FALLEN = 0.95  # of its start: a loss that has come no further
RISEN = 0.1  # of its fall: a loss that ends so far above its lowest
FAR = 10.0  # times
FEWEST = 5  # points of a signal: of fewer no detector says much
FEWEST_OF_ROLE = 20  # likewise of a column that has a role
OF_REFERENCE = frozenset({"differs-from-reference", "parts-from-reference"})  # whose signals are not as in a sound run


@dataclass(frozen=True)
class Subject:
    """One thing that is looked at.

    Attributes:
        name: of the message "checked-NAME".
        signals: any of them is enough; a name that ends in "/" is of layers.
        kinds: of findings that say that it is not sound.
        role: of columns that are looked at by what they mean; a note about one is enough to say no more.
    """

    name: str
    signals: tuple[str, ...]
    kinds: frozenset[str]
    role: str = ""


SUBJECTS = (
    Subject(
        "loss",
        ("loss",),
        frozenset(
            {
                "bad-start",
                "contrastive-at-chance",
                "data-order",
                "diverged",
                "dominated-part",
                "early-standstill",
                "impossible-loss",
                "loss-drop",
                "not-finite",
                "periodic-batches",
                "plateau",
                "preference-at-reference",
                "preference-without-signal",
                "rank-outlier",
                "ranks-alike",
                "reference-differs",
                "repeated-loss",
                "representation-collapse",
                "slow-divergence",
                "spike",
                "squashed-outputs",
                "outputs-bounded",
                "mirrored-targets",
                "constant-output",
                "target-scale",
                "too-good",
                "two-levels",
                "worse-than-uniform",
                "worse-than-untrained",
            }
        ),
    ),
    Subject(
        "validation",
        ("validation_loss",),
        frozenset(
            {
                "evaluation-behind",
                "evaluation-in-training-mode",
                "over-fitting",
                "preference-without-signal",
                "reversed-metric",
                "stale-evaluation",
                "too-good",
                "training-above-validation",
                "unknown-tokens",
                "unsteady-validation",
                "validation-gap",
                "validation-rises",
            }
        ),
    ),
    Subject(
        "accuracy",
        ("accuracy", "validation_accuracy"),
        frozenset(
            {
                "below-chance",
                "constant-accuracy",
                "metric-unmoved",
                "one-predicted-class",
                "quality-lost",
                "reversed-metric",
            }
        ),
    ),
    Subject(
        "rate",
        ("learning_rate",),
        frozenset({"learning-rate-jump", "learning-rate-zero", "schedule-turned", "warm-up-unfinished"}),
    ),
    Subject(
        "gradients",
        ("gradient_norm",),
        frozenset(
            {
                "accumulation-scale",
                "always-clipped",
                "cleared-gradient",
                "gradient-carried",
                "gradient-explosion",
                "no-gradient",
                "not-finite",
            }
        ),
    ),
    Subject("auxiliary", (), frozenset({"auxiliary-loss"}), role="auxiliary_loss"),
    Subject(
        "state",
        ("ledger_share", "weights_changed", "moments_changed"),
        frozenset(
            {
                "changed-state",
                "copy-without-statistics",
                "frozen-statistics",
                "hang",
                "rank-stopped",
                "ranks-apart",
                "ranks-drawing-alike",
                "renewed-optimizer",
                "resume-jump",
                "straggler",
                "untrained-start",
            }
        ),
    ),
    Subject(
        "given",
        ("rows_seen", "input_mean"),
        frozenset(
            {
                "changed-inputs",
                "equal-views",
                "evaluation-inputs",
                "input-axes",
                "input-scale",
                "outlier-batch",
                "repeated-batch",
                "tiny-batch",
                "trained-validation",
                "update-in-evaluation-mode",
            }
        ),
    ),
    Subject(
        "asked",
        ("cross_entropy",),
        frozenset(
            {
                "batch-as-time",
                "changed-targets",
                "ignored-class",
                "loss-form",
                "loss-multiple",
                "lost-writes",
                "no-context",
                "not-causal",
                "one-class-batches",
                "padding-counted",
                "single-target",
                "reversed-weights",
                "place-in-batch",
                "unasked-end",
                "unasked-rows",
                "target-in-input",
                "target-shift",
                "uniform-noise",
                "unread-tokens",
            }
        ),
    ),
    Subject(
        "updates",
        ("update_ratio/", "update_norm/"),
        frozenset(
            {
                "cleared-gradient",
                "doubtful-setting",
                "frozen-layer",
                "lost-updates",
                "resume-jump",
                "second-moment",
                "skipped-updates",
                "update-ratio",
                "weight-decay",
            }
        ),
    ),
    Subject(
        "layers",
        ("activation_rms/", "gradient_norm/"),
        frozenset(
            {
                "activation-growth",
                "attention-collapse",
                "context-growth",
                "dead-units",
                "saturated-gates",
                "vanishing-gradient",
                "vanishing-signal",
            }
        ),
    ),
)


def sound(trace: Trace, facts: Facts, findings: Sequence[Finding]) -> list[str]:
    """Return the names of what was looked at and raised no alarm."""
    alarms = {finding.kind for finding in findings if finding.severity != "note"}
    noted = {finding.kind for finding in findings}
    apart = [
        signal
        for finding in findings
        if finding.severity != "note" and finding.kind in OF_REFERENCE
        for signal in finding.evidence.get("signals", ())  # settings alone have none
    ]
    apart += [  # of a finding that says what differs in what it is about
        signal for finding in findings if finding.severity != "note" for signal in finding.evidence.get("differs", ())
    ]
    checked = [
        one.name
        for one in SUBJECTS
        if (_has_role(trace, facts, one.role) if one.role else _has(trace, one.signals))
        and not (noted if one.role else alarms) & one.kinds
        and not any(_is_one_of(signal, one.signals) for signal in apart)
        and not _is_doubtful(one.name, trace, alarms)
    ]
    return [*checked, *(["data"] if facts.data is not None and not alarms & OF_DATA else [])]


def doubtful(trace: Trace, facts: Facts, findings: Sequence[Finding]) -> list[str]:
    """Return the names of losses that raised no alarm and are not called sound either.

    They have hardly fallen, or end clearly above their lowest.
    """
    alarms = {finding.kind for finding in findings if finding.severity != "note"}
    return [
        one.name
        for one in SUBJECTS
        if one.name in {"loss", "validation"}
        and training_kind(trace, facts).loss_is_progress
        and _has(trace, one.signals)
        and not alarms & one.kinds
        and _is_doubtful(one.name, trace, alarms)
    ]


def risen(trace: Trace) -> tuple[str, float, float, float] | None:
    """Return a loss that ends clearly above its lowest, with where it ends, its lowest and the step of that.

    Of the validation, else of the training; None where neither does.
    """
    for signal in ("validation_loss", "loss"):
        series = finite(trace.series(signal))
        if len(series.value) >= FEWEST and _is_risen(series.value):
            at = int(np.argmin(series.value))
            return signal, float(series.value[-1]), float(series.value[at]), float(series.step[at])
    return None


def _is_risen(value: np.ndarray) -> bool:
    few = max(1, len(value) // 10)
    first, last = float(np.median(value[:few])), float(np.median(value[-few:]))
    lowest = min(float(np.median(part)) for part in np.array_split(value, 10) if len(part))
    return last > lowest + RISEN * (first - lowest)


def _is_doubtful(name: str, trace: Trace, alarms: set[str]) -> bool:
    """Whether a subject without an alarm is not to be called so."""
    if name == "rate":
        return bool(alarms & SUBJECTS[0].kinds)
    signal = {"loss": "loss", "validation": "validation_loss", "gradients": "gradient_norm"}.get(name)
    value = finite(trace.series(signal)).value if signal else np.empty(0)
    if len(value) < FEWEST:
        return False
    few = max(1, len(value) // 10)
    first, last = float(np.median(value[:few])), float(np.median(value[-few:]))
    if name in {"loss", "validation"}:
        return last > first - (1 - FALLEN) * abs(first) or _is_risen(value)
    return not first / FAR < last < first * FAR


def _has(trace: Trace, signals: Sequence[str]) -> bool:
    return any(len(series.value) >= FEWEST for name, series in trace.signals.items() if _is_one_of(name, signals))


def _has_role(trace: Trace, facts: Facts, role: str) -> bool:
    names = roles_of(trace, facts).names(role)
    return any(len(finite(trace.series(name)).value) >= FEWEST_OF_ROLE for name in names)


def _is_one_of(name: str, signals: Sequence[str]) -> bool:
    return any(name == one or (one.endswith("/") and name.startswith(one)) for one in signals)
