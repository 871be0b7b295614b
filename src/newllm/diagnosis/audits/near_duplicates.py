"""Validation documents that training has almost, though not token for token."""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import number
from newllm.diagnosis.facts import Facts
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
            sentence=f"{int(near)} of {int(compared)} validation documents are at least {100 * similar:.0f} % alike "
            "to one of training (Jaccard similarity of their shingles)",
            confidence=0.9,
            evidence={"near": near, "compared": compared, "share": near / compared, "similar": similar},
            alternatives=("documents of this kind differ little (templates, forms)",),
            test="Split by groups of similar documents instead of by documents, and train again.",
            candidate_causes=("leak", "duplicates"),
        )
    ]
