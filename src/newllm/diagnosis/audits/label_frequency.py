"""A model that has learnt how often each token comes, and nothing else.

Its loss stands at the entropy of the tokens' frequencies, or its accuracy is exactly the share of the token that is
commonest in training.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.diagnosis.audits.reading import number, values
from newllm.diagnosis.facts import Facts
from newllm.messages import message
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
        sentence=message("finding-label-frequency.sentence", loss=now, entropy=entropy),
        confidence=0.85,
        signal="loss",
        evidence={"loss": now, "loss_before": before, "entropy": entropy},
        alternatives=(message("finding-label-frequency.young"), message("finding-label-frequency.silent-inputs")),
        test=message("finding-label-frequency.test"),
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
    return Finding(
        kind="label-frequency",
        severity="warning",
        sentence=message("finding-label-frequency.accuracy", right=int(right[-1]), of=int(count[-1]), share=share),
        confidence=0.95,
        signal="validation_correct",
        evidence={"accuracy": float(right[-1] / count[-1]), "share": share, "evaluations": int(equal.sum())},
        alternatives=(message("finding-label-frequency.other-tokens"),),
        test=message("finding-label-frequency.accuracy-test"),
        candidate_causes=("one-predicted-class", "small-validation", "unknown-tokens"),
    )
