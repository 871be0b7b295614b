"""The states that the guard of a run of ours goes back to: a snapshot that is not there is made again, to the bit."""

import dataclasses
import shutil
from pathlib import Path

import torch

from newllm.replays.subjects.own_run import OwnRun
from newllm.replays.subjects.run_states import RunStates
from newllm.trace import read_trace
from newllm.training.snapshots import list_snapshots, load_progress, snapshot_tensors


def test_a_snapshot_that_is_missing_is_made_again_with_all_that_the_run_had_come_to(
    tiny_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    subject, kept = OwnRun(run), list_snapshots(tiny_run / "snapshots")
    shutil.rmtree(gone) if (gone := list_snapshots(run / "snapshots")[8]).is_dir() else gone.unlink()
    ticks: list[None] = []
    states = RunStates(subject, read_trace(run / "trace.jsonl"), lambda: ticks.append(None))

    for step in (0, 4):  # there already
        states.keep(step)
    assert (len(ticks), sorted(list_snapshots(run / "snapshots"))) == (0, [0, 4])
    assert states.state(0) is None
    made = states.state(8)
    assert (len(ticks), states.state(8)) == (4, made)
    states.keep(8)
    assert len(ticks) == 4, "it was made once"

    again = list_snapshots(run / "snapshots")[8]
    for tensors, expected in zip(snapshot_tensors(again), snapshot_tensors(kept[8]), strict=True):
        assert tensors.keys() == expected.keys()
        assert all(torch.equal(value, expected[name]) for name, value in tensors.items())
    found, before = load_progress(again), load_progress(kept[8])
    assert dataclasses.replace(found, seconds=0.0) == dataclasses.replace(before, seconds=0.0)
    assert (before.step, before.last is not None, before.best is not None) == (8, True, True)


def test_states_lie_at_multiples_of_ten_before_the_onset(tiny_run: Path) -> None:
    states = RunStates(OwnRun(tiny_run), read_trace(tiny_run / "trace.jsonl"), lambda: None)
    assert [states.steps(before) for before in (0, 1, 10, 11, 31)] == [[0], [0], [0], [0, 10], [0, 10, 20, 30]]
