"""What takes as much from any spike says little of this one: control spikes, and what they do to causes."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.replays.assessment.assessment import Assessment
from newllm.replays.assessment.dampening import climb, dampening
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.session.task import Task, Until
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.severity import Severity


def above(*heights: float) -> list[Assessment]:
    return [Assessment(Trajectory(0), {"loss": Severity(1 + height, 0, 5, 1.0)}, "loss") for height in heights]


@pytest.mark.parametrize(
    ("control", "changed", "share"),
    [((2.0, 2.0), (1.0, 0.0), 0.75), ((2.0, 2.0), (3.0, 2.0), 0.0), ((0.0, 0.0), (0.0, 0.0), None)],
)
def test_the_share_of_a_control_spike(control: Any, changed: Any, share: float | None) -> None:
    assert dampening(above(*control), above(*changed)) == share


def test_updates_climb_from_the_onset_on(loop: Loop) -> None:
    """The first update that climbs is the one before the onset: from the onset on a loss shows it."""
    setup = loop.setup(0, 0, 10, 12)
    climb(setup, 3)
    changed, plain = loop.start(setup, None), loop.start(loop.setup(0, 0, 10, 12), None)
    losses = [(changed.update(step).loss, plain.update(step).loss) for step in range(20)]
    same = [one == other for one, other in losses]
    assert same[:10] == [True] * 10
    assert not any(same[10:])
    assert losses[12][0] > losses[12][1]


def test_a_task_without_a_control_spike_has_the_key_that_it_had() -> None:
    task = Task("sgd", 3, 1, Until(None, 5, 5, 1), 10, 12, (2, 5, 9))
    control = Task("sgd", 3, 1, Until(None, 5, 5, 1), 10, 12, (2, 5, 9), climbs=8)
    assert "climbs" not in task.as_dict()
    assert (control.as_dict()["climbs"], control.as_dict()["variant"]) == (8, "control")
    assert task.key != control.key


def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it)
    model = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 3))
    return model, torch.optim.AdamW(model.parameters(), lr=0.02, betas=(0.9, 0.999))


class Forgetful:
    """A training whose own code loses the optimizer's moments once: before update 50, in every replay again."""

    AT = 50

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def build(self, seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        model, optimizer = build(seed)
        model.register_buffer("clock", torch.zeros((), dtype=torch.int64))

        def tick(model: nn.Module, _: object) -> None:
            model.get_buffer("clock").add_(int(model.training))

        model.register_forward_pre_hook(tick)

        def forget(optimizer: torch.optim.Optimizer, *_: object) -> None:
            if int(model.get_buffer("clock")) == self.AT + 1:
                for state in optimizer.state.values():
                    state["exp_avg_sq"].zero_()

        optimizer.register_step_pre_hook(forget)
        return model, optimizer

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1], label_smoothing=0.1)


@pytest.mark.slow
def test_lost_moments_are_put_back_and_named_first(loop: Loop) -> None:
    own = Forgetful(loop)
    training = Loop(own.build, loop.batch, own.loss, steps=90)
    verdict = newllm.replay(training, budget=60, only=("restore-moments", "half-learning-rate"))
    assert verdict.identical
    assert verdict.suspects[0]["name"] == "moments-lost"
    by_name = {one.name: one for one in verdict.interventions}
    assert by_name["restore-moments"].effect_class == "removes"
