"""A model that has learnt how often each token comes, and nothing else.

Its loss stands at the entropy of the tokens' frequencies, or its accuracy is exactly the share of the token that is
commonest in training.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.diagnosis.audits.reading import number, values
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Trace

FEWEST_LOSSES = 20
NEAR = 0.02  # of the entropy: the loss of the last quarter stands so near to it
FLAT = 0.01  # of the entropy: so little it changed since the quarter before
FEWEST_ACCURACIES = 4
MOSTLY = 0.8  # of the evaluations after the first
ALL = 0.98  # a commonest token of more leaves nothing to learn


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return findings where the frequencies explain the loss or the accuracy."""
    return [found for found in (_loss(data, trace), _accuracy(data, trace)) if found is not None]


def _loss(data: Mapping[str, Any], trace: Trace) -> Finding | None:
    entropy, loss = number(data, "labels", "entropy"), values(trace, "loss")
    if not entropy or len(loss) < FEWEST_LOSSES:
        return None
    quarters = np.array_split(loss, 4)
    before, now = float(np.median(quarters[2])), float(np.median(quarters[3]))
    if abs(now - entropy) > NEAR * entropy or abs(now - before) > FLAT * entropy:
        return None
    return Finding(
        kind="label-frequency",
        severity="warning",
        sentence=f"the training loss stands at {now:.3f} nats, what the tokens' frequencies alone give "
        f"({entropy:.3f}): nothing is learnt from what comes before",
        confidence=0.85,
        signal="loss",
        evidence={"loss": now, "loss_before": before, "entropy": entropy},
        alternatives=("training is young: a plateau here is passed in many runs", "the inputs say nothing"),
        test="Shuffle the inputs against the targets: if the loss stays, they are not used.",
        candidate_causes=("learning-rate", "vanishing-gradient", "shuffled-labels"),
    )


def _accuracy(data: Mapping[str, Any], trace: Trace) -> Finding | None:
    share = number(data, "labels", "share_in_validation")
    right, count = values(trace, "validation_correct"), values(trace, "validation_count")
    if share is None or share > ALL or len(right) < FEWEST_ACCURACIES or len(right) != len(count):
        return None
    if number(data, "validation", "tokens") != count[-1]:
        return None  # evaluated on another set than the facts are of
    equal = np.abs(right[1:] - share * count[1:]) < 0.5
    if equal.mean() < MOSTLY:
        return None
    shown = f"{int(right[-1])} of {int(count[-1])}"
    return Finding(
        kind="label-frequency",
        severity="warning",
        sentence=f"{shown} predictions are right, exactly as often as the commonest token of training comes in "
        f"validation ({100 * share:.1f} %): the accuracy measures that token alone",
        confidence=0.95,
        signal="validation_correct",
        evidence={"accuracy": float(right[-1] / count[-1]), "share": share, "evaluations": int(equal.sum())},
        alternatives=("the model is right on other tokens, and as often by chance",),
        test="Count which tokens are predicted, and the right ones by token.",
        candidate_causes=("one-predicted-class", "small-validation", "unknown-tokens"),
    )
