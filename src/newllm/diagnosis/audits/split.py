"""Training and validation against each other: common text, near duplicates, different kinds."""

import math
from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import excess, number
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

# Validation that training has: whole documents, or long windows, token for token.
LEAST_LEAK = 0.05  # share of validation; the windows of a novel overlap by a thousandth
RUINED = 0.5  # share of validation from which its loss measures memory
ITSELF = 0.5  # training repeats itself as much as so much of the overlap: the data are of that kind


def audit_leak(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where a part of validation stands in training."""
    documents, windows = _documents(data), _windows(data)
    share, usual, what = max(documents, windows)
    window = int(number(data, "window") or 0) if what == "windows" else None
    if share < LEAST_LEAK:
        return []
    natural = usual >= ITSELF * share
    severity = "note" if natural else "fault" if share >= RUINED else "warning"
    looked_at = number(data, "training", "looked_at") or 1.0
    return [
        Finding(
            kind="leak",
            severity=severity,
            sentence=message(
                "finding-leak.sentence",
                share=share,
                window=window,
                looked_at_percent=None if looked_at >= 1 else 100 * looked_at,
                repeated=usual if natural else None,
            ),
            confidence=0.99 if not natural else 0.6,
            signal="validation_loss" if "validation_loss" in trace.signals else None,
            evidence={
                "documents_share": documents[0],
                "windows_share": windows[0],
                "window": number(data, "window"),
                "longest": number(data, "overlap", "longest"),
                "repeated_in_training": usual,
            },
            alternatives=(message("finding-leak.of-this-kind"),),
            test=message("finding-leak.test"),
            candidate_causes=("leak", "duplicates"),
        )
    ]


def _documents(data: Mapping[str, Any]) -> tuple[float, float, str]:
    """Return the share of validation documents that training has, and that of training's own repetitions."""
    compared, exact = number(data, "documents", "compared"), number(data, "documents", "exact")
    training, inside = number(data, "documents", "training"), number(data, "documents", "inside_training")
    if not compared or exact is None or exact < 2:
        return 0.0, 0.0, "documents"
    return exact / compared, (inside or 0.0) / (training or 1.0), "documents"


def _windows(data: Mapping[str, Any]) -> tuple[float, float, str]:
    share, usual = number(data, "overlap", "share"), number(data, "repeated", "share")
    return share or 0.0, usual or 0.0, "windows"


# Validation documents that training has almost, though not token for token.
LEAST_NEAR = 0.1  # share of the validation documents that were compared
FEWEST_NEAR = 2  # documents


def audit_near_duplicates(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where many validation documents are nearly those of training."""
    near, compared = number(data, "documents", "near"), number(data, "documents", "near_compared")
    if near is None or not compared or near < FEWEST_NEAR or near / compared < LEAST_NEAR:
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


# Validation of another kind than training, by its tokens' frequencies.
LEAST_SHIFT = 0.05  # of what there is to know of a token's part, told by the token; 0.002 in a novel
LEAST_SPREADS = 10.0  # of what shuffled data give


def audit_validation_shift(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where a token tells in which part it stands."""
    drift = excess(data, "shift")
    sizes = [(number(data, part, "tokens") or 0) * (number(data, part, "looked_at") or 1) for part in _PARTS]
    held_out = sizes[1] / sum(sizes) if min(sizes) > 0 else 0.0
    if drift is None or not 0 < held_out < 1:
        return []
    nats, spreads = drift
    most = -held_out * math.log(held_out) - (1 - held_out) * math.log(1 - held_out)
    if nats < LEAST_SHIFT * most or spreads < LEAST_SPREADS:
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
