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


NORMS = 8 + 0.5 * np.sin(STEP)


def logged(norm: np.ndarray, columns: dict[str, np.ndarray], facts: Facts = Facts()) -> list[Finding]:  # noqa: B008
    trace = Trace(
        {"loss": Series(STEP, LEARNT), "gradient_norm": Series(STEP, norm)}
        | {name: Series(STEP, values * np.ones(len(STEP))) for name, values in columns.items()}
    )
    return detect_always_clipped(trace, facts)


@pytest.mark.parametrize(
    "columns",
    [{"clipped_norm": np.ones(1)}, {"clipped_norm": NORMS / 8}, {"max_grad_norm": np.ones(1)},
     {"train/max_grad_norm": np.ones(1)}],
)  # fmt: skip
def test_a_log_says_that_a_clip_never_opens(columns: dict[str, np.ndarray]) -> None:
    (note,) = logged(NORMS, columns)
    assert (note.kind, note.severity) == ("always-clipped", "note")
    assert note.evidence["left"] == pytest.approx(1 / 8, rel=0.02)
    assert "at 100 of 100 points of the log: from a usual norm of 8" in str(note.sentence)


@pytest.mark.parametrize(
    ("norm", "columns"),
    [
        (NORMS, {"max_grad_norm": 10.0}),  # above all
        (0.5 + 2 * np.exp(-STEP / 20), {"max_grad_norm": 1.0}),  # at first only
        (1.5 + 0.3 * np.sin(STEP), {"max_grad_norm": 1.0}),  # always, but near
        (np.where(STEP % 10 == 0, 0.9, 8.0), {"max_grad_norm": 1.0}),  # now and then it opens
        (NORMS, {"max_grad_norm": NORMS / 3}),  # no limit: the largest norm of one layer, say
        (NORMS, {"grad_clip": 1.0}),  # a flag
        (NORMS, {"clipped_norm": NORMS}),  # none is clipped
        (NORMS, {"clipped_norm": 0.0}),  # gone
    ],
)
def test_a_log_of_a_sound_clip_says_nothing(norm: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    assert not logged(norm, columns)


def test_of_a_recording_a_tenth_is_asked_for() -> None:
    assert not logged(NORMS, {"gradient_norm_clipped": np.ones(1)}, Facts(origin="record", optimizer="AdamW"))
