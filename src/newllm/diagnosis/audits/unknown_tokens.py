"""Words that the vocabulary lacks are to be predicted in validation, and training never was.

All of them are one token, and a model that never met it pushes its probability down with every step: the validation
loss rises by that alone, and looks like over-fitting or a spike.
"""

import math
from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import last, number, values
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST_UNTRAINED = 0.01  # share of validation, where training has next to none
NEXT_TO_NONE = 0.1  # of the share in validation


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:
    """Return a finding where unknown tokens are a part of validation that training cannot have learnt."""
    share = _share(data, trace)
    if share is None or share < LEAST_UNTRAINED:
        return []
    trained = number(data, "unknown", "share_in_training")
    if trained is None:
        if not _never_learnt(trace, facts):
            return []
    elif trained > NEXT_TO_NONE * share:
        return []
    return [_finding(share, trained, data, trace)]


def _share(data: Mapping[str, Any], trace: Trace) -> float | None:
    told = number(data, "unknown", "share")
    unknown, whole = last(trace, "validation_count/unknown"), last(trace, "validation_count")
    if told is None and unknown is not None and whole:
        return unknown / whole
    return told


def _never_learnt(trace: Trace, facts: Facts) -> bool:
    loss = values(trace, "validation_loss/unknown")
    uniform = math.log(facts.vocabulary) if facts.vocabulary else math.inf
    return len(loss) > 1 and loss[-1] > min(uniform, loss[0])


def _finding(share: float, trained: float | None, data: Mapping[str, Any], trace: Trace) -> Finding:
    unknown, whole = last(trace, "validation_loss/unknown"), last(trace, "validation_loss")
    seen = last(trace, "validation_loss/seen")
    evidence = {
        "share": share,
        "share_in_training": trained,
        "tokens": number(data, "unknown", "tokens"),
        "loss_of_unknown": unknown,
        "loss_of_seen": seen,
        "part_of_loss": None if unknown is None or not whole else share * unknown / whole,
    }
    return Finding(
        kind="unknown-tokens",
        severity="warning",
        sentence=message(
            "finding-unknown-tokens.sentence",
            share=share,
            training_percent=100 * trained if trained else None,
            part_of_loss=evidence["part_of_loss"],
        ),
        confidence=0.99,
        signal="validation_loss/unknown" if unknown is not None else "validation_loss",
        evidence=evidence,
        alternatives=(message("finding-unknown-tokens.small-vocabulary"),),
        test=message("finding-unknown-tokens.test"),
        candidate_causes=("unknown-tokens", "small-vocabulary", "tokenizer-mismatch"),
    )
