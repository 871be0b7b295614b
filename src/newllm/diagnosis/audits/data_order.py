"""Training data that change their kind along the order in which they are read."""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import excess, number
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 0.025  # of the entropy of tokens that the place in the order tells; 0.005 in a novel read from its start
LEAST_SPREADS = 10.0  # of what shuffled data give


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where neighbouring blocks of training differ, unless training is known to shuffle."""
    drift, entropy = excess(data, "order"), number(data, "labels", "entropy")
    if data.get("shuffled") is True or drift is None or not entropy:
        return []
    nats, spreads = drift
    if nats < LEAST * entropy or spreads < LEAST_SPREADS:
        return []
    return [
        Finding(
            kind="data-order",
            severity="warning",
            sentence=message("finding-data-order.sentence", nats=nats, share=nats / entropy, entropy=entropy),
            confidence=0.8,
            signal="loss" if "loss" in trace.signals else None,
            evidence={"nats": nats, "spreads": spreads, "entropy": entropy, "share": nats / entropy},
            alternatives=(message("finding-data-order.loader"),),
            test=message("finding-data-order.test"),
            candidate_causes=("unshuffled-domains", "data-order"),
        )
    ]
