"""Validation that training has: whole documents, or long windows, token for token."""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import number
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 0.05  # share of validation; the windows of a novel overlap by a thousandth
RUINED = 0.5  # share of validation from which its loss measures memory
ITSELF = 0.5  # training repeats itself as much as so much of the overlap: the data are of that kind


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where a part of validation stands in training."""
    documents, windows = _documents(data), _windows(data)
    share, usual, what = max(documents, windows)
    window = int(number(data, "window") or 0) if what == "windows" else None
    if share < LEAST:
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
