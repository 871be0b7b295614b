"""A recording without `with`: it begins at `record` and ends at `close`, or with the process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import newllm
from newllm.errors import UserError
from newllm.recorder.recorder import Recorder


def train(recorder: Recorder, model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        loss = model(torch.ones(2, 3)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)


def parts() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    return model, torch.optim.SGD(model.parameters(), 0.1)


OF_TIME = ("step_seconds", "ledger_share", "crc32")  # and a share of what is looked at in the time that it may take


def rows_of(run: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (run / "trace.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in OF_TIME} for row in rows]


def steps_of(run: Path) -> list[float]:
    return [row["step"] for row in rows_of(run)]


def has_ended(run: Path) -> bool:
    return json.loads((run / "recording.json").read_text())["ended"]


def test_it_writes_what_a_block_writes(tmp_path: Path) -> None:
    model, optimizer = parts()
    with newllm.record(model, optimizer, tmp_path / "block", every=2) as recorder:
        train(recorder, model, optimizer, 5)
    model, optimizer = parts()
    recorder = newllm.record(model, optimizer, tmp_path / "calls", every=2)
    train(recorder, model, optimizer, 5)
    assert not has_ended(tmp_path / "calls")
    recorder.close()
    recorder.close()

    assert rows_of(tmp_path / "calls") == rows_of(tmp_path / "block") != []
    assert has_ended(tmp_path / "calls")
    assert has_ended(tmp_path / "block")


PROGRAM = """
import os, sys, torch, newllm
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
recorder = newllm.record(model, optimizer, sys.argv[1])
for step in range(5):
    loss = model(torch.ones(2, 3)).square().mean()
    loss.backward()
    optimizer.step()
    recorder.step(loss)
    if step == 2 and os.fork() == 0:
        sys.exit()  # with all that Python does at the end of a process
    elif step == 2:
        os.wait()
if sys.argv[2] == "error":
    raise ZeroDivisionError
"""


@pytest.mark.parametrize("end", ["well", "error"])
def test_the_end_of_the_process_closes_it_and_that_of_a_fork_does_not(tmp_path: Path, end: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path / "run"), end], check=False, env=os.environ)
    assert (done.returncode == 0) == (end == "well")
    assert steps_of(tmp_path / "run") == [1, 2, 3, 4, 5]
    assert has_ended(tmp_path / "run")


def test_what_stands_there_is_refused_at_once(tmp_path: Path) -> None:
    model, optimizer = parts()
    newllm.record(model, optimizer, tmp_path / "run").close()
    with pytest.raises(UserError, match="run"):
        newllm.record(model, optimizer, tmp_path / "run")


def test_a_loss_after_the_end_is_reported(tmp_path: Path) -> None:
    model, optimizer = parts()
    recorder = newllm.record(model, optimizer, tmp_path / "run")
    train(recorder, model, optimizer, 2)
    recorder.close()
    with pytest.warns(UserWarning, match="the recorder is closed"):
        recorder.step(1.0)
