"""Runs to be replayed, trained once; and trainings that are not ours."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.subject import Subject
from newllm.replays.subjects.own_run import OwnRun

SMALL_FOUNDING = (
    *("model.width=64", "model.hidden=64", "model.context=64", "model.layers=6", "optimizer.learning_rate=1e-3"),
    *("training.steps=60", "training.snapshot_every=10", "training.keep=99", "numerics.threads=1"),
)
"""The founding run, narrower and faster: its spike comes at step 44 or so."""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The models are too small for more, and tests must not wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a session's runs are trained under: a cache of the tests' own, and no figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        yield


@pytest.fixture(scope="session")
def founding_run(training: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """A small founding run with a spike, and a snapshot every ten steps. Not to be changed: copy it."""
    out = tmp_path_factory.mktemp("founding") / "run"
    return newllm.train(preset="seed-baseline", out=out, settings=SMALL_FOUNDING).path


@pytest.fixture(scope="session")
def tiny_run(
    training: None,  # noqa: ARG001
    text: Path,
    tiny_settings: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A run of 8 steps without a spike, with snapshots at 0, 4 and 8. Not to be changed: copy it."""
    more = ("training.steps=8", "training.snapshot_every=4", "training.evaluate_every=4", "training.keep=9")
    return newllm.train(str(text), out=tmp_path_factory.mktemp("tiny") / "run", settings=(*tiny_settings, *more)).path


def _tiny_founding(preset: str, out: Path) -> Path:
    shape = ("model.width=16", "model.hidden=16", "model.context=16", "model.layers=2")
    steps = ("training.steps=8", "training.snapshot_every=4", "training.keep=9")
    settings = (*shape, *steps, "numerics.threads=1", "numerics.device=cpu")
    return newllm.train(preset=preset, out=out, settings=settings).path


@pytest.fixture(scope="session")
def tiny_cell(training: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """The founding cell, tiny: 8 steps without a spike, with snapshots at 0, 4 and 8. Not to be changed."""
    return _tiny_founding("seed-baseline", tmp_path_factory.mktemp("cell") / "run")


@pytest.fixture(scope="session")
def tiny_transformer(training: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """The founding Transformer, likewise."""
    return _tiny_founding("seed-transformer", tmp_path_factory.mktemp("transformer") / "run")


@pytest.fixture(scope="session")
def replica_with() -> Callable[..., Replica]:
    """Start a replay with one intervention; `inject` injects its cause. Keywords as those of `Subject.setup`."""

    def make(
        subject: Subject, name: str = "", *, inject: bool = False, suspect: range = range(0), **at: int
    ) -> Replica:
        setup = subject.setup(**{"start": 0, "replay": 0, "onset": 6, "last_suspect": 7, **at})
        setup.suspect = suspect
        if name:
            one = INTERVENTIONS[name]
            change = one.inject if inject else one.apply
            assert change is not None, f"{name} has nothing to inject"
            change(setup)
        return subject.start(setup, subject.snapshot(setup.start)[1] if isinstance(subject, OwnRun) else None)

    return make


BAD = 40
"""The update of `bad_loop` whose batch is bad."""


def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 3))
    return model, torch.optim.Adam(model.parameters(), lr=0.02)


def batch(step: int) -> tuple[Tensor, Tensor]:
    """Points, and in which of three parts of the space they lie."""
    points = torch.randn(64, 4, generator=torch.Generator().manual_seed(step))
    return points, points[:, :3].argmax(1)


def bad_batch(step: int) -> tuple[Tensor, Tensor]:
    """The same, but one batch is a thousand times too large and its targets are wrong."""
    points, targets = batch(step)
    return (1000 * points, 2 - targets) if step == BAD else (points, targets)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


@pytest.fixture
def loop() -> newllm.Loop:
    """A training that is not ours, healthy."""
    return newllm.Loop(build, batch, loss, steps=60)


@pytest.fixture
def bad_loop() -> newllm.Loop:
    """A training that is not ours, with a bad batch at step 40: the loss of update 41 shows it."""
    return newllm.Loop(build, bad_batch, loss, steps=60, clip=1.0)
