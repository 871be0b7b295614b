"""So many parameters to so few tokens that the training part can be learnt by heart."""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.audits.reading import number
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

MOST = 100.0  # parameters a training token; about 0.05 is the best use of computing (Hoffmann et al. 2022)


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a note where the model is far larger than its data. Small data are no fault in themselves."""
    tokens = number(data, "training", "tokens")
    if not facts.parameters or not tokens or facts.parameters / tokens < MOST:
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
