"""A program of a second that records as `newllm.record` does, without torch: a loss that falls, by a few settings."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from newllm.checksum import read_checked, write_checked

HOUSE = Path(__file__).parents[3] / "src"
TINY = '''
import json
import os
import sys
from pathlib import Path

from newllm.checksum import write_checked
from newllm.trace import TraceWriter

HERE = Path(__file__).resolve().parent


def record(out):
    """Return what records a loss, and keep the program."""
    place = Path(os.environ["NEWLLM_RECORD_TO"]) / Path(out).name if "NEWLLM_RECORD_TO" in os.environ else Path(out)
    place.mkdir(parents=True)
    files = {one.name: one.read_text() for one in sorted(HERE.glob("*.py"))}
    about = {"main": Path(sys.argv[0]).name, "module": None, "arguments": sys.argv[1:], "directory": str(Path.cwd())}
    kept = {"root": str(HERE), "files": files, "data": {}, "versions": {"tiny": VERSION}, "left_out": 0}
    write_checked(place / "program.json", {"schema": 1, **about, **kept})
    (place / "recording.json").write_text(json.dumps({"schema": 1, "ended": True, "layers": []}))
    return TraceWriter(place / "trace.jsonl")


VERSION = os.environ.get("TINY_VERSION", "1.0")
'''
TRAIN = '''
"""A loss that falls."""
import argparse
import math
import random

from tiny import record

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.02)
parser.add_argument("--out", default="runs/sound")
parser.add_argument("--fast", action="store_true")
parser.add_argument("--seed", type=int, default=1)
given = parser.parse_args()
random.seed(given.seed)
STEPS = 200


def loss_of(step, rate):
    return 2 * math.exp(-rate * step) + 0.2 + random.gauss(0, 0.02)


with record(given.out) as writer:
    for step in range(1, STEPS + 1):
        writer.write(step, loss=loss_of(step, given.lr))
    print("trained")
'''


class Project:
    """A directory with a program that can be changed and run.

    Attributes:
        path: of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.write({"tiny.py": TINY.lstrip(), "train.py": TRAIN.lstrip()})

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.path / name).write_text(text)

    def change(self, before: str, after: str, name: str = "train.py") -> None:
        text = (self.path / name).read_text()
        assert before in text
        (self.path / name).write_text(text.replace(before, after))

    def train(self, out: str, *arguments: str, **environment: str) -> Path:
        command = [sys.executable, "train.py", "--out", f"runs/{out}", *arguments]
        # A module that is written twice within a second would be read from its cache.
        env = {**os.environ, "PYTHONPATH": str(HOUSE), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        done = subprocess.run(command, cwd=self.path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return self.path / "runs" / out


@pytest.fixture(autouse=True)
def own_newllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials import the newllm that is tested."""
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def edit_program() -> Callable[..., None]:
    """Change what program.json of a run says, with its checksum."""

    def go(run: Path, **changed: object) -> None:
        write_checked(run / "program.json", {**read_checked(run / "program.json"), **changed})

    return go
