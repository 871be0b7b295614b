"""Clipping that cuts every gradient to a small part of itself."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.clipping import detect_always_clipped
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace

STEP = np.arange(1, 101)
STANDS, LEARNT = 3 + 0.01 * np.sin(STEP), 3 * np.exp(-STEP / 30)


def found(
    limit: float, loss: np.ndarray = STANDS, optimizer: str = "SGD", name: str = "gradient_norm_clipped", first: int = 1
) -> list[Finding]:
    norm = 1 + 0.3 * np.sin(STEP)
    clipped = Series(STEP[first - 1 :], np.minimum(norm, limit)[first - 1 :])
    trace = Trace({"loss": Series(STEP, loss), "gradient_norm": Series(STEP, norm), name: clipped})
    return detect_always_clipped(trace, Facts(optimizer=optimizer))


@pytest.mark.parametrize("name", ["gradient_norm_clipped", "grad_norm_clipped"])
def test_a_clip_that_leaves_a_hundredth_is_found(name: str) -> None:
    (finding,) = found(0.01, name=name)
    assert (finding.kind, finding.severity, finding.candidate_causes) == (
        "always-clipped",
        "warning",
        ("tight-clipping",),
    )
    assert "from a usual norm of 1" in str(finding.sentence)
    assert "leaves 1" in str(finding.sentence)


@pytest.mark.parametrize(("loss", "optimizer"), [(LEARNT, "SGD"), (STANDS, "AdamW"), (STANDS, "")])
def test_it_is_a_note_where_it_harms_nothing_or_nobody_knows(loss: np.ndarray, optimizer: str) -> None:
    assert [one.severity for one in found(0.01, loss, optimizer)] == ["note"]


@pytest.mark.parametrize(("limit", "first"), [(1.0, 1), (0.5, 1), (0.01, 20)])
def test_a_clip_that_opens_leaves_much_or_comes_late_is_none(limit: float, first: int) -> None:
    assert not found(limit, first=first)
