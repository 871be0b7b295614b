"""Interventions on the start: which weights are drawn otherwise, and that nothing else is changed."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from newllm.model.config import ModelConfig
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.subject import Subject
from newllm.replays.replica.update_signals import UpdateSignals
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.own_run import OwnRun

START = ("initialisation-he", "initialisation-scaled", "depth-scaled-residuals", "smaller-initialisation")


def why_not(name: str, subject: Subject) -> str:
    """Return why an intervention cannot be tried on a subject, "" where it can."""
    found = INTERVENTIONS[name].misfit(subject)
    return "" if found is None else str(found)


def with_model(path: Path, **changes: Any) -> OwnRun:
    """Return a run as if its model had been another."""
    subject = OwnRun(path)
    subject.config = dataclasses.replace(subject.config, model=dataclasses.replace(subject.config.model, **changes))
    return subject


def ratios(null: Replica, changed: Replica) -> dict[str, float]:
    """Return of each parameter that is not zero the factor between the two; they must differ by one factor only."""
    found = {}
    own, other = null.model.state_dict(), changed.model.state_dict()
    for name, before in own.items():
        after = other[name]
        if before.any():
            factor = float(after.flatten().norm() / before.flatten().norm())
            torch.testing.assert_close(after, before * factor)
            found[name] = round(factor, 3)
    return found


@pytest.mark.parametrize(("scheme", "share"), [("he", 2.0), ("scaled", 1.0)])
def test_a_scheme_draws_the_same_numbers_at_another_size(
    scheme: str, share: float, tiny_cell: Path, replica_with: Callable[..., Replica]
) -> None:
    subject = OwnRun(tiny_cell)
    found = ratios(replica_with(subject), replica_with(subject, f"initialisation-{scheme}"))
    assert found["embedding.weight"] == 1
    assert found["body.fnn.0.weight"] == pytest.approx((share / 32) ** 0.5 / 0.02, rel=1e-3)
    assert found["body.fnn.3.weight"] == pytest.approx((share / 16) ** 0.5 / 0.02, rel=1e-3)


@pytest.mark.parametrize(
    ("body", "shape", "branches"),
    [
        ("stack", {}, {"mixer.out.weight", "mlp.out.weight"}),
        ("attention", {}, {"mixer.out.weight", "mlp.out.weight"}),
        ("founding-transformer", {"positions": 32}, {"out.weight", "ffn.3.weight"}),
        ("cell", {"fnn": "residual"}, {"fnn.3.weight"}),
    ],
)
def test_residual_outputs_alone_are_scaled_by_depth(
    body: str, shape: dict, branches: set[str], tiny_cell: Path, replica_with: Callable[..., Replica]
) -> None:
    subject = with_model(tiny_cell, body=body, **shape)
    assert INTERVENTIONS["depth-scaled-residuals"].misfit(subject) is None
    found = ratios(replica_with(subject), replica_with(subject, "depth-scaled-residuals"))
    for name, factor in found.items():
        is_branch = any(name.endswith(f".{branch}") for branch in branches)
        assert factor == (0.5 if is_branch else 1.0), name  # (2 * 2 layers) ** -0.5
    assert 0.5 in found.values()


def test_scaling_residuals_is_what_the_scheme_does(tiny_run: Path, replica_with: Callable[..., Replica]) -> None:
    plain, scaled = (with_model(tiny_run, initialisation=one) for one in ("normal", "scaled"))
    half = ratios(replica_with(plain), replica_with(plain, "depth-scaled-residuals"))
    whole = ratios(replica_with(plain), replica_with(scaled))
    width, name = 32, "body.blocks.0.mixer.out.weight"
    assert whole[name] == pytest.approx(half[name] * width**-0.5 / 0.02, rel=2e-3)


def test_matrices_are_halved_for_anyone(
    loop: Loop, tiny_cell: Path, tiny_run: Path, replica_with: Callable[..., Replica]
) -> None:
    for subject in (loop, OwnRun(tiny_cell), OwnRun(tiny_run)):
        assert INTERVENTIONS["smaller-initialisation"].misfit(subject) is None
        null, changed = replica_with(subject), replica_with(subject, "smaller-initialisation")
        dims = {name: p.dim() for name, p in null.model.named_parameters()}
        for name, factor in ratios(null, changed).items():
            assert factor == (0.5 if dims[name] > 1 else 1.0), name


@pytest.mark.parametrize("name", START)
def test_the_rest_of_the_run_stays(name: str, tiny_cell: Path, replica_with: Callable[..., Replica]) -> None:
    one, subject = INTERVENTIONS[name], with_model(tiny_cell, fnn="residual", layers=3)
    assert one.from_start
    assert one.misfit(subject) is None
    null, changed = replica_with(subject), replica_with(subject, name)
    for step in range(4):
        null.update(step)
        assert changed.update(step).finite
    assert null.seen == changed.seen
    assert null.probe() != changed.probe()


@pytest.mark.parametrize("name", ["initialisation-he", "smaller-initialisation"])
def test_activations_move_as_they_should(name: str, tiny_cell: Path, replica_with: Callable[..., Replica]) -> None:
    found = []
    for one in ("", name):
        replica = replica_with(OwnRun(tiny_cell), one)
        signals = UpdateSignals(replica)
        with signals.measuring_activations():
            replica.probe()
        found.append(signals.take()["activation_rms"])
    assert (found[1] - found[0]) * INTERVENTIONS[name].direction > 0


def test_an_embedding_of_another_scale_has_the_usual_one(replica_with: Callable[..., Replica], loop: Loop) -> None:
    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it)
        model = nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20))
        return model, torch.optim.SGD(model.parameters(), lr=0.1)

    training = Loop(build, loop.batch, loop.loss, steps=9)
    assert INTERVENTIONS["embedding-scale"].misfit(training) is None
    null, changed = (
        replica_with(training, name).model.get_parameter("0.weight").detach() for name in ("", "embedding-scale")
    )
    assert float(changed.square().mean().sqrt()) == pytest.approx(16**-0.5)
    assert torch.allclose(changed / changed.norm(), null / null.norm())
    usual = Loop(lambda seed: scaled(build(seed)), loop.batch, loop.loss, steps=9)
    assert why_not("embedding-scale", usual) == "its embedding has about the usual scale"
    assert "no nn.Embedding" in why_not("embedding-scale", loop)


def scaled(built: tuple[nn.Module, torch.optim.Optimizer]) -> tuple[nn.Module, torch.optim.Optimizer]:
    with torch.no_grad():
        built[0].get_parameter("0.weight").mul_(0.3)
    return built


def test_what_does_not_fit_says_why(loop: Loop, tiny_run: Path, tiny_cell: Path) -> None:
    stack, cell = OwnRun(tiny_run), OwnRun(tiny_cell)
    assert ModelConfig().initialisation == stack.config.model.initialisation == "scaled"
    assert why_not("initialisation-scaled", stack) == "model.initialisation is 'scaled' already"
    assert why_not("depth-scaled-residuals", stack) == "model.initialisation 'scaled' has it already"
    assert why_not("depth-scaled-residuals", cell) == "architecture 'cell' has no residual branches here"
    assert why_not("initialisation-he", with_model(tiny_cell, initialisation="he")).endswith("already")
    for name in ("initialisation-he", "initialisation-scaled"):
        assert "newllm train" in why_not(name, loop)
    assert "newllm's own architectures" in why_not("depth-scaled-residuals", loop)
