"""Evaluations of one run that are not of the same set: their losses cannot be compared."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

_NAME = "validation_count"


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where the number of predictions changes, in all or of a class."""
    names = [_NAME, *sorted(name for name in trace.signals if name.startswith(f"{_NAME}/"))]
    return [found for name in names if (found := _changed(trace, name)) is not None][:1]


def _changed(trace: Trace, name: str) -> Finding | None:
    count = trace.series(name)
    changes = np.flatnonzero(np.diff(count.value))
    if not len(changes):
        return None
    first = int(changes[0]) + 1
    before, after = float(count.value[first - 1]), float(count.value[first])
    return Finding(
        kind="changed-evaluation",
        severity="warning",
        sentence=message(
            "finding-changed-evaluation.sentence",
            axis=trace.axis,
            step=int(count.step[first]),
            before=before,
            after=after,
            token_class=None if name == _NAME else name.removeprefix(_NAME + "/"),
        ),
        first_step=float(count.step[first]),
        last_step=float(count.step[int(changes[-1]) + 1]),
        confidence=0.99,
        signal="validation_loss" if "validation_loss" in trace.signals else name,
        evidence={"before": before, "after": after, "changes": len(changes)},
        alternatives=(message("finding-changed-evaluation.batch-left-out"),),
        test=message("finding-changed-evaluation.test"),
        candidate_causes=("changed-evaluation", "tokenizer-mismatch", "resume"),
    )
