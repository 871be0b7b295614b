"""Padding among the targets: a loss that counts it is lower than what the text costs."""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import last, number
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 0.05  # share of padding in validation
NEAR = 0.01  # of a count, for two counts that are the same
OFTEN = 0.9  # share of documents that end in it, where its id was not told


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where an evaluation's count holds the padding too; a note where nobody can tell."""
    share, tokens = number(data, "padding", "validation_share"), number(data, "validation", "tokens")
    if share is None or not tokens or not LEAST <= share < 1:
        return []
    padding = data.get("padding")
    inferred = isinstance(padding, Mapping) and padding.get("inferred") is True
    if inferred and (number(data, "padding", "trailing") or 0.0) < OFTEN:
        return []
    count = last(trace, "validation_count")
    counted = None if count is None else _is_near(count, tokens)
    if count is not None and not counted:
        return []
    return [_finding(share, tokens, count, inferred, trace)]


def _is_near(count: float, other: float) -> bool:
    return abs(count - other) <= NEAR * other


def _finding(share: float, tokens: float, count: float | None, inferred: bool, trace: Trace) -> Finding:
    loss = last(trace, "validation_loss")
    true = None if loss is None else loss / (1 - share)
    known = count is not None
    return Finding(
        kind="padding-counted",
        severity="warning" if known else "note",
        sentence=message("finding-padding-counted.sentence", share=share, counted=known, loss=loss, loss_without=true),
        confidence=0.9 if known and not inferred else 0.5,
        signal="validation_loss" if loss is not None else None,
        evidence={"share": share, "tokens": tokens, "count": count, "loss": loss, "loss_without": true},
        alternatives=(message("finding-padding-counted.text"), message("finding-padding-counted.left-out")),
        test=message("finding-padding-counted.test"),
        candidate_causes=("padding-counted",),
    )
