"""Validation documents that training has almost, though not token for token."""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import number
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 0.1  # share of the validation documents that were compared
FEWEST = 2  # documents


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where many validation documents are nearly those of training."""
    near, compared = number(data, "documents", "near"), number(data, "documents", "near_compared")
    if near is None or not compared or near < FEWEST or near / compared < LEAST:
        return []
    similar = number(data, "documents", "similar") or 0.0
    return [
        Finding(
            kind="near-duplicates",
            severity="warning",
            sentence=message(
                "finding-near-duplicates.sentence", near=int(near), compared=int(compared), similar=similar
            ),
            confidence=0.9,
            evidence={"near": near, "compared": compared, "share": near / compared, "similar": similar},
            alternatives=(message("finding-near-duplicates.templates"),),
            test=message("finding-near-duplicates.test"),
            candidate_causes=("leak", "duplicates"),
        )
    ]
