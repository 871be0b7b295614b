from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import newllm


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves have tests of their own; here they would be most of the time."""
    monkeypatch.setattr("newllm.api.trained.draw_training_curves", lambda *_, **__: None)


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
