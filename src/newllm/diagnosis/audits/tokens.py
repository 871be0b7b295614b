"""What the frequencies of tokens explain: unknown ones, ones that training never has, the commonest one."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.diagnosis.audits.reading import last, number, values
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

# A model that has learnt how often each token comes, and nothing else.
FEWEST_LOSSES = 20
NEAR = 0.02  # of the entropy: the loss of the last quarter stands so near to it
FLAT = 0.01  # of the entropy: so little it changed since the quarter before
FEWEST_ACCURACIES = 4
MOSTLY = 0.8  # of the evaluations after the first
ALL = 0.98  # a commonest token of more leaves nothing to learn


def audit_label_frequency(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return findings where the frequencies explain the loss or the accuracy.

    Its loss stands at the entropy of the tokens' frequencies, or its accuracy is exactly the share of the token that is
    commonest in training.
    """
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


# Tokens of validation that never occur in training, more of them than a text of the same kind has.
LEAST_NEW = {"id": 0.01, "word": 0.1}  # share of validation
TIMES = {"id": 3.0, "word": 2.0}  # what is to be expected


def audit_never_trained(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where validation has far more new tokens than a text of training's kind.

    What is to be expected is the share of training tokens that occur once (Good 1953, after Turing). Words of texts,
    where nothing is known of the tokenizer, must stand out further.
    """
    share, expected = number(data, "never_trained", "share"), number(data, "never_trained", "expected")
    unit = "word" if data.get("unit") == "word" else "id"
    looked_at = number(data, "training", "looked_at")
    if share is None or expected is None or (looked_at is not None and looked_at < 1):
        return []  # of a thinned training part nobody knows what it lacks
    if share < max(LEAST_NEW[unit], TIMES[unit] * expected):
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


# Words that the vocabulary lacks are to be predicted in validation, and training never was.
LEAST_UNTRAINED = 0.01  # share of validation, where training has next to none
NEXT_TO_NONE = 0.1  # of the share in validation


def audit_unknown_tokens(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:
    """Return a finding where unknown tokens are a part of validation that training cannot have learnt.

    All of them are one token, and a model that never met it pushes its probability down with every step: the validation
    loss rises by that alone, and looks like over-fitting or a spike.
    """
    share = _share(data, trace)
    if share is None or share < LEAST_UNTRAINED:
        return []
    trained = number(data, "unknown", "share_in_training")
    if trained is None:
        if not _never_learnt(trace, facts):
            return []
    elif trained > NEXT_TO_NONE * share:
        return []
    return [_unknown(share, trained, data, trace)]


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


def _unknown(share: float, trained: float | None, data: Mapping[str, Any], trace: Trace) -> Finding:
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
