"""Interventions on numerics: on every body of ours, and on trainings that are not ours."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.errors import UserError
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.interventions.numerics import within
from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.subject import Subject
from newllm.replays.replica.trajectory import Trajectory, Until, follow
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.own_run import OwnRun

pytestmark = pytest.mark.usefixtures("same_chance")
NUMERICS = [name for name, one in INTERVENTIONS.items() if one.kind == "numerics"]
BODIES = ("cell", "stack", "attention", "lstm", "founding-transformer")
UPDATES = 4

Train = Callable[..., OwnRun]


def why_not(name: str, subject: Subject) -> str:
    """Return why an intervention cannot be tried on a subject, "" where it can."""
    found = INTERVENTIONS[name].misfit(subject)
    return "" if found is None else str(found)


@pytest.fixture(scope="module")
def own(training: None, text: Path, tiny_settings: tuple[str, ...], tmp_path_factory: Any) -> Train:  # noqa: ARG001
    """Train a run of 4 steps of a body, with dropout, and a snapshot at step 2."""
    made: dict[tuple[str, ...], OwnRun] = {}

    def train(body: str, *settings: str) -> OwnRun:
        key = (body, *settings)
        if key not in made:
            more = ("model.dropout=0.1", "training.steps=4", "training.snapshot_every=2", "training.keep=9", *settings)
            out = tmp_path_factory.mktemp(body) / "run"
            made[key] = OwnRun(newllm.train(str(text), out=out, body=body, settings=(*tiny_settings, *more)).path)
        return made[key]

    return train


class Recurrent(nn.Module):
    """A model that makes tensors of its own on its way, and reads by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.norm, self.out = nn.GRUCell(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)

    def forward(self, *, x: Tensor) -> Tensor:
        hidden = torch.zeros(len(x), 8)
        for t in range(x.shape[1]):
            hidden = self.cell(x[:, t], hidden)
        return self.out(torch.dropout(self.norm(hidden), 0.2, self.training))


def loop(model: Callable[[], nn.Module], optimizer: Callable[..., torch.optim.Optimizer], keyword: bool) -> Loop:
    def batch(step: int) -> dict[str, Tensor]:
        chance = torch.Generator().manual_seed(step)
        x = torch.randn(12, 5, 3, generator=chance)
        return {"x": x, "y": (x.sum((1, 2)) > 0).long()}

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        logits = model(x=batch["x"]) if keyword else model(batch["x"])
        return nn.functional.cross_entropy(logits, batch["y"])

    def build(_: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        made = model()
        return made, optimizer(made.parameters())

    return Loop(build, batch, loss, steps=9)


def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(15, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))


LOOPS = {
    "adam": lambda: loop(network, lambda p: torch.optim.Adam(p, lr=0.01), keyword=False),
    "fused adamw": lambda: loop(network, lambda p: torch.optim.AdamW(p, lr=0.01, fused=True), keyword=False),
    "sgd": lambda: loop(network, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), keyword=False),
    "recurrent": lambda: loop(Recurrent, lambda p: torch.optim.Adam(p, lr=0.01), keyword=True),
}


def replay(subject: Subject, name: str = "", start: int = 0, *, inject: bool = False) -> tuple[Replica, Trajectory]:
    setup = subject.setup(start, 0, 6, 8)
    if name:
        change = INTERVENTIONS[name].inject if inject else INTERVENTIONS[name].apply
        assert change is not None
        change(setup)
    state = subject.snapshot(start)[1] if isinstance(subject, OwnRun) else None
    if start and not isinstance(subject, OwnRun):
        before = subject.make(subject.setup(0, 0, 6, 8))
        for step in range(start):
            before.update(step)
        state = before.state()
    replica = subject.start(setup, state)
    return replica, follow(replica, start, Until(None, UPDATES, UPDATES, 1))


def dtypes(replica: Replica) -> set[torch.dtype]:
    """Return those of weights, gradients, buffers, the optimizer's state and the carried context; numbers aside."""
    state = replica.state()
    tensors = [*state.model.values(), *(value for value in state.carried.values() if value.dim())]
    tensors += [value for name, value in state.optimizer.items() if not name.endswith("/step")]
    tensors += [p.grad for p in replica.model.parameters() if p.grad is not None]
    return {tensor.dtype for tensor in tensors if tensor.is_floating_point()}


def check_fp64(subject: Subject, start: int) -> None:
    (null_replica, null), (replica, changed) = replay(subject, start=start), replay(subject, "fp64", start=start)
    assert (dtypes(null_replica), dtypes(replica)) == ({torch.float32}, {torch.float64})
    assert changed.batches == null.batches
    assert changed.loss == pytest.approx(null.loss, rel=1e-3)  # the same chance: no other dropout mask
    assert changed.loss[0] != null.loss[0]  # it is no float32 any more
    assert torch.tensor(changed.loss[0]).item() != changed.loss[0]
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("body", BODIES)
def test_a_run_of_ours_is_replayed_in_fp64_whatever_its_body(body: str, own: Train) -> None:
    subject = own(body)
    assert INTERVENTIONS["fp64"].misfit(subject) is None
    check_fp64(subject, 2)


def test_a_context_that_is_carried_on_is_double_too(own: Train) -> None:
    subject = own("stack", "data.carry=true")
    assert subject.snapshot(2)[1].carried  # type: ignore[union-attr]
    check_fp64(subject, 2)


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("start", [0, 3])
def test_anyones_training_is_replayed_in_fp64(name: str, start: int) -> None:
    check_fp64(LOOPS[name](), start)


def test_a_model_that_fails_in_fp64_leaves_the_process_as_it_was() -> None:
    class Failing(nn.Linear):
        def forward(self, _: Tensor) -> Tensor:  # pyrefly: ignore
            assert torch.get_default_dtype() == torch.float64
            raise ZeroDivisionError

    subject = loop(lambda: Failing(3, 2), torch.optim.SGD, keyword=False)
    setup = subject.setup(0, 0, 6, 8)
    INTERVENTIONS["fp64"].apply(setup)
    with pytest.raises(ZeroDivisionError):
        subject.start(setup, None).update(0)
    assert torch.get_default_dtype() == torch.float32


def test_fp32_is_for_runs_in_bf16_and_injecting_is_the_other_way_round(own: Train) -> None:
    single, half = own("stack"), own("stack", "numerics.precision=bf16")
    assert "computes in fp32" in why_not("fp32", single)
    assert "this training has none" in why_not("fp32", LOOPS["adam"]())
    assert INTERVENTIONS["fp32"].misfit(half) is None
    (_, rounded), (replica, exact) = replay(half, start=2), replay(half, "fp32", start=2)
    assert isinstance(replica, OwnReplica)
    assert replica.config.numerics.precision == "fp32"
    assert exact.batches == rounded.batches
    assert exact.loss != rounded.loss
    assert exact.loss == pytest.approx(rounded.loss, rel=0.02)
    assert replay(half, "fp32", start=2, inject=True)[1].loss == rounded.loss


def test_bf16_cannot_be_injected_into_anyones_training() -> None:
    with pytest.raises(UserError, match="for a run of newllm train only"):
        replay(LOOPS["adam"](), "fp32", inject=True)


def test_kernels_are_deterministic_during_the_replay_and_not_after_it() -> None:
    one, subject = INTERVENTIONS["deterministic-kernels"], LOOPS["adam"]()
    assert one.misfit(subject) is None
    inside: list[bool] = []
    own_loss = subject.loss

    def loss(model: nn.Module, batch: Any) -> Tensor:
        inside.append(torch.are_deterministic_algorithms_enabled() and torch.backends.cudnn.deterministic)
        return own_loss(model, batch)

    subject.loss = loss
    _, null = replay(subject)
    assert not any(inside)
    inside.clear()
    _, changed = replay(subject, "deterministic-kernels")
    assert all(inside)
    assert len(inside) == UPDATES + UPDATES + 1  # probes too
    assert changed.batches == null.batches
    assert changed.loss == null.loss
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic


def test_an_operation_without_a_deterministic_kernel_is_named() -> None:
    subject = LOOPS["adam"]()
    own_loss = subject.loss

    def loss(model: nn.Module, batch: Any) -> Tensor:
        torch.zeros(3).put_(torch.tensor([1, 1]), torch.ones(2), accumulate=False)
        return own_loss(model, batch)

    subject.loss = loss
    with pytest.raises(UserError, match="no deterministic kernel: put_"):
        replay(subject, "deterministic-kernels")
    assert not torch.are_deterministic_algorithms_enabled()


def test_on_the_cpu_our_runs_are_deterministic_anyway(own: Train) -> None:
    assert "the same bits every time" in why_not("deterministic-kernels", own("stack"))


def test_a_setting_holds_while_a_replica_computes() -> None:
    opened: list[str] = []

    @contextlib.contextmanager
    def setting() -> Any:
        opened.append("in")
        yield
        opened.append("out")

    subject = LOOPS["sgd"]()
    replica = subject.start(subject.setup(0, 0, 6, 8), None)
    within(replica, setting)
    assert replica.update(0).finite
    replica.probe()
    assert replica.evaluate() == {}
    assert opened == ["in", "out"] * 3
