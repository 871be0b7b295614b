"""A validation too small for what is read from it: the interval on its loss.

Within one run the evaluations share their tokens, so that their differences are surer than the loss itself; between
models, seeds or texts the interval holds. The spread of one token's nats is not in a log: it is about as large as
their mean wherever a language model predicts (0.9 to 1.3 of it in our runs).
"""

import math
from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import last, number, values
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 200  # predictions; the interval is then 14 % of the loss to either side
FEWEST_OF_FEW = 1000  # predictions, where they come from no more than `FEW_DOCUMENTS`
FEW_DOCUMENTS = 10
WIDTH = 1.96  # standard errors, a 95 % interval


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where validation has too few predictions."""
    recorded = last(trace, "validation_count")
    count = recorded if recorded is not None else number(data, "validation", "tokens")
    documents = number(data, "validation", "documents")
    if count is None or count < 1:
        return []
    few = documents is not None and documents <= FEW_DOCUMENTS and count < FEWEST_OF_FEW
    return [_finding(int(count), documents, trace)] if few or count < FEWEST else []


def _finding(count: int, documents: float | None, trace: Trace) -> Finding:
    loss = values(trace, "validation_loss")
    evidence: dict[str, Any] = {"predictions": count, "documents": documents}
    best = half = None
    if len(loss):
        best, half = float(loss.min()), WIDTH * float(loss.min()) / math.sqrt(count)
        evidence |= {"best_loss": best, "half_width": half, "last_loss": float(loss[-1])}
    return Finding(
        kind="small-validation",
        severity="warning",
        sentence=message(
            "finding-small-validation.sentence",
            predictions=count,
            documents=None if documents is None else int(documents),
            best_loss=best,
            half_width=half,
        ),
        confidence=0.95,
        signal="validation_loss" if len(loss) else None,
        evidence=evidence,
        alternatives=(message("finding-small-validation.shared-tokens"),),
        test=message("finding-small-validation.test"),
        candidate_causes=("small-validation",),
    )
