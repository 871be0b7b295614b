"""Logs that go back and over steps again: a training that was resumed from an earlier checkpoint."""

from pathlib import Path

import numpy as np
import pytest

import newllm
from newllm.trace.series import resumes


def log(path: Path, *parts: tuple[int, int], risen: float = 1.5) -> Path:
    """Write a log whose loss is too high in the first five points of each part but the first."""
    draw = np.random.default_rng(1)
    rows = [
        f"{step},{4.2 * np.exp(-step / 80) + 1.2 + 0.05 * draw.normal() + risen * (start > 0 and step - start < 5):.4f}"
        for start, end in parts
        for step in range(start, end)
    ]
    path.write_text("step,loss\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_spikes_where_the_training_was_resumed_say_so(tmp_path: Path) -> None:
    found = newllm.doctor(log(tmp_path / "log.csv", (0, 120), (100, 220), (200, 320)))
    assert found.trace.resumed == (100, 200)
    assert "the log goes back at step 100 and over 100 to 119 again: the training was resumed there" in "\n".join(
        found.trace.left_out
    )
    assert [one.first_step for one in found.findings] == pytest.approx([100, 200], abs=1)
    for spike in found.findings:
        assert "there the training was resumed" in str(spike.sentence)
        assert spike.candidate_causes[0] == "moments-lost"
        assert not any("does not show" in str(one) for one in spike.alternatives)


def test_a_spike_elsewhere_is_none_of_a_resume(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", (0, 120), (100, 320), risen=0.0)
    rows = path.read_text(encoding="utf-8").splitlines()
    rows = [f"{row[:4]}4.{row[2]}1" if row.startswith(("250,", "251,", "252,")) else row for row in rows]
    path.write_text("\n".join(rows), encoding="utf-8")
    (spike,) = newllm.doctor(path).findings
    assert spike.first_step == 250
    assert "resumed" not in str(spike.sentence)


@pytest.mark.parametrize(
    "steps",
    [
        [*range(50)],
        [*range(50), *range(50)],  # another run
        [*range(40), 30, *range(40, 60)],  # a line that came late
        [step for pair in zip(range(1, 41), range(40), strict=True) for step in pair],  # in no order
    ],
)
def test_what_is_no_resume(steps: list[int]) -> None:
    assert resumes(np.array(steps)) == []
