from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import newllm
from newllm.training import pace
from newllm.training.budget import Budget
from newllm.training.observer import Observer


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves have tests of their own; here they would be most of the time."""
    monkeypatch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)


@pytest.fixture(autouse=True)
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """So do samples: a fifth of the time of a tiny run."""
    monkeypatch.setattr("newllm.api.recording_samples.TOKENS", 5)


@pytest.fixture
def train(text: Path, tiny_settings: tuple[str, ...], tmp_path: Path) -> Callable[..., newllm.TrainedRun]:
    """Train a tiny model; settings as `KEY=VALUE`, keywords as those of `newllm.train`."""
    count = 0

    def go(*settings: str, **options) -> newllm.TrainedRun:
        nonlocal count
        count += 1
        texts = options.pop("texts", (str(text),))
        out = options.pop("out", tmp_path / f"run-{count}")
        base = () if "config" in options else (*tiny_settings, "training.steps=20")
        return newllm.train(*texts, out=out, settings=(*base, *settings), **options)

    return go


@pytest.fixture
def weights() -> Callable[[newllm.TrainedRun], bytes]:
    """The bytes of the last snapshot's weights and moments."""

    def read(trained: newllm.TrainedRun) -> bytes:
        last = max(trained.path.glob("snapshots/step-*"))
        return (last / "model.safetensors").read_bytes() + (last / "optimizer.safetensors").read_bytes()

    return read


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Clock(Observer):
    """Passes with updates and evaluations, in place of `time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.step_seconds: Callable[[int], float] = lambda _: 0.5
        self.evaluation = 1.0
        self.fails_at: int | None = None
        self.lines: list[str] = []

    def monotonic(self) -> float:
        return self.now

    def stepped(self, report) -> None:
        self.now += self.step_seconds(report.step)
        if report.step == self.fails_at:
            raise RuntimeError("killed")

    def evaluated(self, *_: object, **__: object) -> None:
        self.now += self.evaluation

    def noticed(self, notice) -> None:
        self.lines.append(str(notice))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr("newllm.training.resolve._seconds_per_token", lambda *_: 0.005)
    return clock


@pytest.fixture
def by_the_clock(train, clock) -> Callable[..., newllm.TrainedRun]:
    def go(*settings: str, seconds: float = 100.0, **options) -> newllm.TrainedRun:
        budget = Budget(seconds=seconds, began=clock.now)
        return train("optimizer.warmup=10", *settings, budget=budget, observers=[clock], **options)

    return go
