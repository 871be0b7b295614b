"""Tokens of validation that never occur in training, more of them than a text of the same kind has.

What is to be expected is the share of training tokens that occur once (Good 1953, after Turing). Words of texts, where
nothing is known of the tokenizer, must stand out further.
"""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import number
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = {"id": 0.01, "word": 0.1}  # share of validation
TIMES = {"id": 3.0, "word": 2.0}  # what is to be expected


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where validation has far more new tokens than a text of training's kind."""
    share, expected = number(data, "never_trained", "share"), number(data, "never_trained", "expected")
    unit = "word" if data.get("unit") == "word" else "id"
    looked_at = number(data, "training", "looked_at")
    if share is None or expected is None or (looked_at is not None and looked_at < 1):
        return []  # of a thinned training part nobody knows what it lacks
    if share < max(LEAST[unit], TIMES[unit] * expected):
        return []
    distinct = number(data, "never_trained", "distinct")
    return [
        Finding(
            kind="never-trained-tokens",
            severity="warning",
            sentence=message("finding-never-trained-tokens.sentence", share=share, unit=unit, expected=expected),
            confidence=0.95,
            evidence={"share": share, "expected": expected, "distinct": distinct},
            alternatives=(message("finding-validation-shift.on-purpose"),),
            test=message("finding-never-trained-tokens.test"),
            candidate_causes=("tokenizer-mismatch", "unknown-tokens", "unshuffled-split"),
        )
    ]
