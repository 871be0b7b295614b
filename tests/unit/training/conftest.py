import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import newllm

# A run of milliseconds a step, and nothing left to a probe.
TINY = (
    *("model.width=32", "model.layers=1", "model.hidden=32", "model.context=32", "data.window=16", "data.batch=2"),
    *("numerics.precision=fp32", "numerics.threads=1", "numerics.scan_backend=torch", "numerics.device=cpu"),
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves have tests of their own; here they would be most of the time."""
    monkeypatch.setattr("newllm.api.trained.draw_training_curves", lambda *_, **__: None)


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    chance = random.Random(0)
    words = ("the", "whale", "sea", "ship", "captain", "of", "and", "a", "was", "to", "his", "white", "boat", "upon")
    path.write_text("\n".join(" ".join(chance.choice(words) for _ in range(9)) + "." for _ in range(160)))
    return path


@pytest.fixture
def train(text: Path, tmp_path: Path) -> Callable[..., newllm.TrainedRun]:
    """Train a tiny model; settings as `KEY=VALUE`, keywords as those of `newllm.train`."""
    count = 0

    def go(*settings: str, **options) -> newllm.TrainedRun:
        nonlocal count
        count += 1
        texts = options.pop("texts", (str(text),))
        out = options.pop("out", tmp_path / f"run-{count}")
        base = () if "config" in options else (*TINY, "training.steps=20")
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
