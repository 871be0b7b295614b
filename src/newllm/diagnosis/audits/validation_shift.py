"""Validation of another kind than training, by its tokens' frequencies."""

import math
from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import excess, number
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 0.05  # of what there is to know of a token's part, told by the token; 0.002 in a novel
LEAST_SPREADS = 10.0  # of what shuffled data give


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where a token tells in which part it stands."""
    drift = excess(data, "shift")
    sizes = [(number(data, part, "tokens") or 0) * (number(data, part, "looked_at") or 1) for part in _PARTS]
    held_out = sizes[1] / sum(sizes) if min(sizes) > 0 else 0.0
    if drift is None or not 0 < held_out < 1:
        return []
    nats, spreads = drift
    most = -held_out * math.log(held_out) - (1 - held_out) * math.log(1 - held_out)
    if nats < LEAST * most or spreads < LEAST_SPREADS:
        return []
    return [
        Finding(
            kind="validation-shift",
            severity="warning",
            sentence=message("finding-validation-shift.sentence", share=nats / most),
            confidence=0.9,
            signal="validation_loss" if "validation_loss" in trace.signals else None,
            evidence={"share": nats / most, "nats": nats, "spreads": spreads},
            alternatives=(message("finding-validation-shift.on-purpose"),),
            test=message("finding-validation-shift.test"),
            candidate_causes=("tokenizer-mismatch", "unshuffled-split", "unknown-tokens"),
        )
    ]


_PARTS = ("training", "validation")
