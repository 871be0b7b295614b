"""Boxes of names and numbers, as stable-baselines 3 prints them (common/logger.py), and its flat forerunner."""

from pathlib import Path

import pytest

from newllm.trace.readers import read_log
from newllm.trace.readers.boxes import is_boxes

EDGE = "-" * 36
SECTIONS = f"""{EDGE}
| rollout/                |            |
|    ep_rew_mean          | 22.7       |
| time/                   |            |
|    fps                  | 1012       |
|    iterations           | %d          |
|    total_timesteps      | %d       |
| train/                  |            |
|    approx_kl            | 0.0087     |
|    loss                 | %s      |
{EDGE}
"""
FLAT = f"""{EDGE}
| rollout/ep_rew_mean    | 0.15      |
| time/total_timesteps   | %d       |
| train/loss             | %s    |
{EDGE}
"""


def boxes(form: str, count: int = 6) -> str:
    places = form.count("%d")
    rows = (form % (*(place * at for place in (1, 2048)[-places:]), f"{9 / at:.4f}") for at in range(1, count + 1))
    return "Using cpu device\nWrapping the env in a DummyVecEnv.\n" + "".join(rows)


@pytest.mark.parametrize(("form", "steps"), [(SECTIONS, [1, 2, 3]), (FLAT, [2048, 4096, 6144])])
def test_a_box_is_a_row(form: str, steps: list[int], tmp_path: Path) -> None:
    log = tmp_path / "ppo.log"
    log.write_text(boxes(form, 3))
    trace = read_log(log)
    assert trace.series("loss").step.tolist() == steps
    assert trace.series("loss").value.tolist() == pytest.approx([9.0, 4.5, 3.0], abs=1e-3)
    assert "rollout/ep_rew_mean" in trace.signals


def test_a_box_that_is_still_being_printed_counts(tmp_path: Path) -> None:
    log = tmp_path / "ppo.log"
    log.write_text(boxes(FLAT, 3).rstrip().removesuffix(EDGE))
    assert len(read_log(log).series("loss").value) == 3


def test_other_tables_are_no_boxes() -> None:
    assert is_boxes(boxes(SECTIONS))
    assert not is_boxes("| step | loss |\n|---|---|\n| 1 | 2.0 |\n")
    assert not is_boxes(f"{EDGE}\nstep 10: loss 2.31\n{EDGE}\n")
    assert not is_boxes(f"{EDGE}\n| a | 1 |\n{EDGE}\n")  # three lines at least: one is a heading
