"""A loss of 0: within margins that are met it is no mistake; where nothing could ever be trained it is."""

from typing import Any

import torch
from tests.unit.checks.asked import answer
from tests.unit.checks.healthy import mlp
from torch import Tensor, nn
from torch.nn import functional as F

PROBES = ("gradients", "moves", "learns")


def triplets(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    return F.triplet_margin_loss(*(F.normalize(model(each), dim=-1) for each in batch), margin=0.2)


def easy() -> tuple[Tensor, Tensor, Tensor]:
    x = torch.randn(16, 10)
    return x, x + 0.01 * torch.randn(16, 10), -x


def test_margins_that_are_met_are_no_mistake() -> None:
    torch.manual_seed(0)
    assert [answer(probe, mlp(8), triplets, easy()) for probe in PROBES] == ["loss-met"] * 3


def test_a_loss_that_leaves_all_out_is_one() -> None:
    def masked(model: nn.Module, batch: Any) -> Tensor:
        return ((model(batch[0]) - batch[1]).square() * batch[2]).mean()

    torch.manual_seed(0)
    batch = torch.randn(16, 10), torch.randn(16, 3), torch.zeros(16, 3)
    assert answer("gradients", mlp(), masked, batch) == "wrong"
    assert answer("learns", mlp(), masked, batch) == "wrong"


def test_triplets_that_are_cut_off_from_the_weights_are_one() -> None:
    def cut(model: nn.Module, batch: Any) -> Tensor:
        made = [F.normalize(model(each), dim=-1) for each in batch]
        return F.triplet_margin_loss(*(each.detach() + 0 * each for each in made), margin=0.2)

    torch.manual_seed(0)
    assert answer("gradients", mlp(8), cut, easy()) == "wrong"
    assert answer("learns", mlp(8), cut, easy()) == "wrong"
    hard = easy()[0], easy()[1], easy()[0]
    assert answer("gradients", mlp(8), triplets, hard) == "sound"


def test_a_bias_that_cancels_in_a_difference_is_no_forgotten_branch() -> None:
    torch.manual_seed(0)
    critic = lambda model, batch: model(batch[0]).mean() - model(batch[1]).mean()  # noqa: E731
    batch = torch.randn(16, 10), torch.randn(16, 10)
    assert answer("gradients", mlp(1), critic, batch) == "cancelled"
    dead = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    with torch.no_grad():
        dead.get_parameter("0.bias").fill_(-100.0)  # nothing comes through: weights and biases get nothing
    assert answer("gradients", dead, critic, batch) == "wrong"
