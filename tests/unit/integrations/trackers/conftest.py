"""A training sent to a tracker, as a user would, and what its trace holds."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import newllm
from newllm.messages import Message
from newllm.trace import read_trace
from newllm.training.observer import Observer
from newllm.training.recording import Signals


class Ears(Observer):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def noticed(self, notice: Message) -> None:
        self.said.append(str(notice))


@pytest.fixture(autouse=True)
def everything_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all that trackers write be below the test's own directory, and nobody look for a server."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "WANDB_DIR", "WANDB_PROJECT", "TRACKIO_PROJECT", "TRACKIO_SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def train(text: Path, tiny_settings: tuple[str, ...]) -> Callable:
    """Train into ./run and return its path."""

    def run(track: str, *settings: str, **more) -> Path:
        more: dict[str, Any] = {"out": "run", "budget": newllm.Budget(steps=24), **more}
        every = ("training.evaluate_every=10", "training.snapshot_every=12")
        ears = Ears()
        more["observers"] = [*more.get("observers", ()), ears]
        path = newllm.train(str(text), track=track, settings=(*tiny_settings, *every, *settings), **more).path
        assert not [one for one in ears.said if "failed" in one or "did not" in one]
        return path

    return run


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the training's rows hold what is hard to keep: NaN and the infinities, in signals of their own."""
    from newllm.training.journal import Journal

    write = Journal._write

    def with_more(self: Journal, step: int, signals: Signals) -> None:
        hard = {1: math.nan, 2: math.inf, 3: -math.inf, 4: 0.1, 5: 1e-300, 6: -1e30}
        write(self, step, {**signals, "hard/a.b": hard[step]} if step in hard and "loss" in signals else signals)

    monkeypatch.setattr(Journal, "_write", with_more)


@pytest.fixture
def expected() -> Callable[[Path], dict[str, dict[int, float]]]:
    """The values of a run's trace, by name and step."""

    def read(run: Path) -> dict[str, dict[int, float]]:
        signals = read_trace(run / "trace.jsonl").signals
        return {
            name: dict(zip(one.step.tolist(), one.value.tolist(), strict=True))
            for name, one in signals.items()
            if name not in ("sample", "recovery")
        }

    return read


def same(found: dict[int, float], expected: dict[int, float], tolerance: float = 0.0) -> bool:
    """Whether values are equal, NaN to NaN."""
    if found.keys() != expected.keys():
        return False
    pairs = [(found[step], expected[step]) for step in found]
    return all(a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= tolerance * abs(b) for a, b in pairs)
