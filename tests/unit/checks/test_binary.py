"""The binary cross-entropy: of logits, of probabilities, and with a sigmoid too many."""

from collections.abc import Callable

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from tests.unit.checks.healthy import mlp
from torch import Tensor, nn
from torch.nn import functional as F

Loss = Callable[[nn.Module, tuple[Tensor, Tensor]], Tensor]
of_logits: Loss = lambda m, b: F.binary_cross_entropy_with_logits(m(b[0]), b[1])  # noqa: E731


def labels(*shape: int) -> tuple[Tensor, Tensor]:
    return torch.randn(48, 10), (torch.rand(48, *shape) < 0.3).float()


def of_probabilities(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.binary_cross_entropy(model(batch[0]), batch[1])


@pytest.mark.parametrize("end", [nn.Sequential(), nn.Flatten(0)], ids=["column", "flat"])
def test_a_sigmoid_too_many_is_found(end: nn.Module) -> None:
    torch.manual_seed(0)
    batch = labels() if isinstance(end, nn.Flatten) else labels(1)
    sigmoid_outside: Loss = lambda m, b: F.binary_cross_entropy_with_logits(m(b[0]).sigmoid(), b[1])  # noqa: E731
    assert asked("loss-form", mlp(1, nn.Sigmoid(), end), of_logits, batch).sentence.id.endswith("sigmoid-twice")
    assert answer("loss-form", mlp(1, end), sigmoid_outside, batch) == "wrong"
    weighted: Loss = lambda m, b: F.binary_cross_entropy_with_logits(m(b[0]), b[1], pos_weight=torch.tensor(3.0))  # noqa: E731
    assert answer("loss-form", mlp(1, nn.Sigmoid(), end), weighted, batch) == "wrong"
    for model, loss in (
        (mlp(1, end), of_logits),
        (mlp(1, end), weighted),
        (mlp(1, nn.Sigmoid(), end), of_probabilities),
    ):
        assert answer("loss-form", model, loss, batch) == "sound"


def test_several_labels() -> None:
    torch.manual_seed(0)
    assert answer("loss-form", mlp(6, nn.Sigmoid()), of_logits, labels(6)) == "wrong"
    assert answer("loss-form", mlp(6), of_logits, labels(6)) == "sound"


def test_what_is_no_such_loss_is_not_judged() -> None:
    def focal(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        p = model(batch[0]).sigmoid()
        return (-((1 - p) ** 2) * batch[1] * p.log() - p**2 * (1 - batch[1]) * (1 - p).log()).mean()

    def squares(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.mse_loss(model(batch[0]).sigmoid(), batch[1])

    def soft(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.binary_cross_entropy_with_logits(model(batch[0]), 0.1 + 0.8 * torch.rand_like(batch[1]))

    torch.manual_seed(0)
    for loss in (focal, squares, soft):
        assert answer("loss-form", mlp(6), loss, labels(6)) == "no-cross-entropy"
    assert (
        answer("loss-form", mlp(6, nn.Sigmoid()), lambda m, b: F.mse_loss(m(b[0]), b[1]), labels(6))
        == "no-cross-entropy"
    )


def test_few_labels_of_one_kind_tell_too_little() -> None:
    torch.manual_seed(0)
    batch = torch.randn(5, 10), torch.tensor([[1.0], [0.0], [0.0], [1.0], [0.0]])
    assert answer("loss-form", mlp(1, nn.Sigmoid()), of_logits, batch) == "single-number"
