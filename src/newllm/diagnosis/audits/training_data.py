"""The training data by themselves: their order, their repetitions, their size."""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import excess, number
from newllm.diagnosis.facts import Facts
from newllm.messages import Message, message
from newllm.trace import Finding, Trace

# Training data that change their kind along the order in which they are read.
LEAST_DRIFT = 0.025  # of the entropy of tokens that the place in the order tells; 0.005 in a novel read from its start
LEAST_SPREADS = 10.0  # of what shuffled data give


def audit_data_order(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where neighbouring blocks of training differ, unless training is known to shuffle."""
    drift, entropy = excess(data, "order"), number(data, "labels", "entropy")
    if data.get("shuffled") is True or drift is None or not entropy:
        return []
    nats, spreads = drift
    if nats < LEAST_DRIFT * entropy or spreads < LEAST_SPREADS:
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


# So many parameters to so few tokens that the training part can be learnt by heart.
MOST_PARAMETERS = 100.0  # parameters a training token; about 0.05 is the best use of computing (Hoffmann et al. 2022)


def audit_parameters(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a note where the model is far larger than its data. Small data are no fault in themselves."""
    tokens = number(data, "training", "tokens")
    if not facts.parameters or not tokens or facts.parameters / tokens < MOST_PARAMETERS:
        return []
    ratio = facts.parameters / tokens
    return [
        Finding(
            kind="parameters-per-token",
            severity="note",
            sentence=message(
                "finding-parameters-per-token.sentence", parameters=facts.parameters, tokens=int(tokens), ratio=ratio
            ),
            confidence=0.8,
            evidence={"parameters": facts.parameters, "tokens": tokens, "ratio": ratio},
            alternatives=(message("finding-parameters-per-token.classifier"),),
            test=message("finding-parameters-per-token.test"),
            candidate_causes=("small-data", "large-model"),
        )
    ]


# Training text that is there more than once: a large part of it, many documents, or one long stretch.
MOST_REPEATED = 0.3  # share of training tokens in windows that were seen before, or of documents that are copies
LONGEST = 20  # windows in one unbroken stretch; two in a novel
LONGEST_SHARE = 0.002  # of training, for a stretch that is to be told


def audit_repeated_windows(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where training repeats itself."""
    window, tokens = number(data, "window"), number(data, "training", "tokens")
    share, longest = number(data, "repeated", "share") or 0.0, number(data, "repeated", "longest") or 0.0
    documents, inside = number(data, "documents", "training"), number(data, "documents", "inside_training")
    copies = inside / documents if documents and inside else 0.0
    if not window or not tokens:
        return []
    is_long = longest >= LONGEST * window and longest >= LONGEST_SHARE * tokens
    if max(share, copies) < MOST_REPEATED and not is_long:
        return []
    if copies > share:
        sentence = message("finding-repeated-windows.copies", copies=copies)
    else:
        sentence = message("finding-repeated-windows.sentence", share=share, window=int(window), longest=int(longest))
    evidence = {"share": share, "longest": longest, "window": window, "tokens": tokens, "copies": copies}
    return [_repeated(sentence, evidence)]


def _repeated(sentence: Message, evidence: dict[str, Any]) -> Finding:
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
