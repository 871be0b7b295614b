"""What of a run was looked at and is sound: a diagnosis that finds little says at least what that is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Trace

FEWEST = 5  # points of a signal: of fewer no detector says much


@dataclass(frozen=True)
class Subject:
    """One thing that is looked at.

    Attributes:
        name: of the message "checked-NAME".
        signals: any of them is enough; a name that ends in "/" is of layers.
        kinds: of findings that say that it is not sound.
    """

    name: str
    signals: tuple[str, ...]
    kinds: frozenset[str]


SUBJECTS = (
    Subject(
        "loss",
        ("loss",),
        frozenset(
            {
                "bad-start",
                "diverged",
                "impossible-loss",
                "loss-drop",
                "not-finite",
                "periodic-batches",
                "plateau",
                "repeated-loss",
                "slow-divergence",
                "spike",
                "squashed-outputs",
                "too-good",
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
                "evaluation-in-training-mode",
                "over-fitting",
                "stale-evaluation",
                "too-good",
                "training-above-validation",
                "unsteady-validation",
                "validation-gap",
            }
        ),
    ),
    Subject("accuracy", ("accuracy", "validation_accuracy"), frozenset({"constant-accuracy", "one-predicted-class"})),
    Subject(
        "rate",
        ("learning_rate",),
        frozenset({"learning-rate-jump", "learning-rate-zero", "schedule-turned", "warm-up-unfinished"}),
    ),
    Subject(
        "gradients",
        ("gradient_norm",),
        frozenset({"accumulation-scale", "gradient-carried", "gradient-explosion", "no-gradient", "not-finite"}),
    ),
    Subject("state", ("weights_changed", "moments_changed"), frozenset({"changed-state"})),
    Subject(
        "updates",
        ("update_ratio/", "update_norm/"),
        frozenset({"frozen-layer", "resume-jump", "second-moment", "skipped-updates", "update-ratio"}),
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
OF_DATA = frozenset(
    {
        "changed-evaluation",
        "data-order",
        "label-frequency",
        "leak",
        "near-duplicates",
        "never-trained-tokens",
        "padding-counted",
        "parameters-per-token",
        "perplexity-mismatch",
        "repeated-windows",
        "small-validation",
        "unknown-tokens",
        "validation-shift",
    }
)


def sound(trace: Trace, facts: Facts, findings: Sequence[Finding]) -> list[str]:
    """Return the names of what was looked at and raised no alarm."""
    alarms = {finding.kind for finding in findings if finding.severity != "note"}
    checked = [one.name for one in SUBJECTS if _has(trace, one.signals) and not alarms & one.kinds]
    return [*checked, *(["data"] if facts.data is not None and not alarms & OF_DATA else [])]


def _has(trace: Trace, signals: Sequence[str]) -> bool:
    return any(
        len(series.value) >= FEWEST
        for name, series in trace.signals.items()
        if any(name == one or (one.endswith("/") and name.startswith(one)) for one in signals)
    )
