"""Whether each output of one number is held against a target of its own, read off the gradient."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.recorder.one_number import OneNumberWatch
from newllm.trace import read_trace

Loss = Callable[[Tensor, Tensor], Tensor]


def train(out: Path, loss: Loss, targets: Callable[[Tensor], Tensor] = lambda x: x.sum(1)) -> newllm.trace.Trace:
    """Train a regression of one number for each of 32 rows, for six updates."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for _ in range(6):
            inputs = torch.randn(32, 6) + torch.randn(())
            optimizer.zero_grad()
            value = loss(model(inputs), targets(inputs))
            value.backward()
            optimizer.step()
            recorder.step(value)
    return read_trace(out / "trace.jsonl")


def broadcast(output: Tensor, target: Tensor) -> Tensor:
    """The mistake: `[N, 1]` less `[N]` is `[N, N]`."""
    return (output - target).square().mean()


def near(x: Tensor) -> Tensor:
    """Targets among the outputs of an untrained model, so that it is pulled both ways."""
    return 0.2 * x[:, 0]


@pytest.mark.parametrize(
    "loss", [broadcast, lambda o, t: broadcast(o, t) / 2, lambda o, t: (o - t).abs().mean(), lambda o, t: huber(o, t)]
)
def test_outputs_that_are_broadcast_against_all_targets_are_seen(tmp_path: Path, loss: Loss) -> None:
    trace = train(tmp_path / "run", loss, near)
    assert set(trace.series("targets_alike").value.tolist()) == {1.0}
    assert len(set(trace.series("target_level").value.tolist())) > 2


def huber(output: Tensor, target: Tensor) -> Tensor:
    error = (output - target).abs()
    return torch.where(error < 1, error.square() / 2, error - 0.5).mean()


def test_the_number_that_they_are_pulled_towards_is_the_mean_of_the_targets(tmp_path: Path) -> None:
    seen: list[Tensor] = []

    def watched(output: Tensor, target: Tensor) -> Tensor:
        seen.append(target.mean())
        return broadcast(output, target)

    trace = train(tmp_path / "run", watched, near)
    level = trace.series("target_level")
    assert level.value.tolist() == pytest.approx([float(seen[int(step) - 1]) for step in level.step], abs=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        lambda o, t: F.mse_loss(o.squeeze(1), t),
        lambda o, t: F.l1_loss(o.squeeze(1), t),
        lambda o, t: F.smooth_l1_loss(o.squeeze(1), t),
        lambda o, t: F.binary_cross_entropy_with_logits(o.squeeze(1), (t > 0).float()),
    ],
)
def test_a_target_of_its_own_for_each_row_is_no_mistake(tmp_path: Path, loss: Loss) -> None:
    trace = train(tmp_path / "run", loss, near)
    assert set(trace.series("targets_alike").value.tolist()) == {0.0}
    assert "target_level" not in trace.signals


def test_one_target_that_is_meant_is_always_the_same(tmp_path: Path) -> None:
    trace = train(tmp_path / "run", lambda o, _: (o - 0.1).square().mean())
    assert trace.series("target_level").value.tolist() == pytest.approx([0.1] * len(trace.series("target_level").step))
    trace = train(tmp_path / "other", lambda o, _: o.square().mean())
    assert set(trace.series("target_level").value.tolist()) == {0.0}


def test_a_batch_of_one_class_is_pulled_one_way(tmp_path: Path) -> None:
    trace = train(tmp_path / "run", lambda o, _: F.binary_cross_entropy_with_logits(o, torch.ones_like(o)))
    assert "targets_alike" not in trace.signals


def test_two_passes_that_are_held_against_two_numbers_say_how_far_these_are_apart() -> None:
    outputs = torch.linspace(-1, 2, 9)
    passes = [(outputs, 2 * (outputs - level)) for level in (0.0, 1.0)]
    watch = OneNumberWatch()
    assert watch._read(passes) == {"targets_alike": 1.0, "target_level": 0.5, "target_levels_apart": 1.0}
    assert watch._read(passes[:1] * 2) == {"targets_alike": 1.0, "target_level": 0.0}


@pytest.mark.parametrize("is_broadcast", [True, False])
def test_of_the_values_of_actions_the_chosen_ones_are_read(tmp_path: Path, is_broadcast: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, tmp_path, every=1, kind="reinforcement") as recorder:
        for _ in range(6):
            state, action = torch.randn(32, 6) + torch.randn(()), torch.randint(0, 4, (32, 1))
            chosen = model(state).gather(1, action)
            target = near(state) if is_broadcast else near(state)[:, None]
            value = broadcast(chosen, target)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            recorder.step(value)
    assert set(read_trace(tmp_path / "trace.jsonl").series("targets_alike").value.tolist()) == {float(is_broadcast)}
    found = [one for one in newllm.doctor(tmp_path, against=()).findings if one.kind == "loss-form"]
    assert [one.evidence["form"] for one in found] == (["broadcast"] if is_broadcast else [])
