"""Training text that is there more than once: a large part of it, many documents, or one long stretch."""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import number
from newllm.diagnosis.facts import Facts
from newllm.messages import Message, message
from newllm.trace import Finding, Trace

MOST = 0.3  # share of training tokens in windows that were seen before, or of documents that are copies
LONGEST = 20  # windows in one unbroken stretch; two in a novel
LONGEST_SHARE = 0.002  # of training, for a stretch that is to be told


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where training repeats itself."""
    window, tokens = number(data, "window"), number(data, "training", "tokens")
    share, longest = number(data, "repeated", "share") or 0.0, number(data, "repeated", "longest") or 0.0
    documents, inside = number(data, "documents", "training"), number(data, "documents", "inside_training")
    copies = inside / documents if documents and inside else 0.0
    if not window or not tokens:
        return []
    is_long = longest >= LONGEST * window and longest >= LONGEST_SHARE * tokens
    if max(share, copies) < MOST and not is_long:
        return []
    if copies > share:
        sentence = message("finding-repeated-windows.copies", copies=copies)
    else:
        sentence = message("finding-repeated-windows.sentence", share=share, window=int(window), longest=int(longest))
    evidence = {"share": share, "longest": longest, "window": window, "tokens": tokens, "copies": copies}
    return [_finding(sentence, evidence)]


def _finding(sentence: Message, evidence: dict[str, Any]) -> Finding:
    return Finding(
        kind="repeated-windows",
        severity="warning",
        sentence=sentence,
        confidence=0.9,
        evidence=evidence,
        alternatives=(message("finding-repeated-windows.of-this-kind"), message("finding-repeated-windows.epochs")),
        test=message("finding-repeated-windows.test"),
        candidate_causes=("repeated-text", "duplicates"),
    )
