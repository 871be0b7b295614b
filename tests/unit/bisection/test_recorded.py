"""A bisection of a training in torch that `newllm.record` records, started as a module from another directory."""

import os
import subprocess
import sys
from pathlib import Path

from tests.unit.bisection.conftest import HOUSE

import newllm

CODE = """
import argparse

import torch
from torch import nn
from torch.nn import functional as F

import newllm

parser = argparse.ArgumentParser()
parser.add_argument("--out")
given = parser.parse_args()
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
chance = torch.Generator().manual_seed(1)
weights = torch.randn(20, 5, generator=chance)
with newllm.record(model, optimizer, out=given.out) as recorder:
    for step in range(200):
        x = torch.randn(64, 20, generator=chance)
        loss = F.cross_entropy(model(x), (x @ weights).argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
"""


def train(place: Path, code: str, out: Path) -> Path:
    (place / "own" / "train.py").write_text(code.lstrip())
    command = [sys.executable, "-m", "own.train", "--out", str(out)]
    done = subprocess.run(
        command, cwd=place, env={**os.environ, "PYTHONPATH": str(HOUSE)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


def test_a_mistake_in_a_recorded_training(tmp_path: Path) -> None:
    place = tmp_path / "project"
    (place / "own").mkdir(parents=True)
    (place / "own" / "__init__.py").write_text("")
    sound = train(place, CODE, tmp_path / "sound")
    wrong = CODE.replace("F.cross_entropy(model(x), ", "F.cross_entropy(-model(x), ").replace("lr=1e-2", "lr=1.1e-2")
    wrong = wrong.replace("        optimizer.zero_grad()\n", "        optimizer.zero_grad() if step > 1000 else None\n")
    run = train(place, wrong, tmp_path / "today")
    kept = sorted(one.name for one in tmp_path.rglob("*"))
    found = newllm.bisect(run, against=sound, budget=200)
    assert [one.place for one in found.cause] == ["own/train.py:21"], found.as_dict()
    assert (found.necessary, found.missing, found.moved) == (True, (), ())
    assert found.trials[0].identical is None
    assert found.trials[0].steps == found.horizon < 200
    assert sorted(one.name for one in tmp_path.rglob("*")) == sorted([*kept, "bisection.json"])
