"""The loss of a batch with its rows in another order."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from torch import Tensor, nn
from torch.nn import functional as F


def cox(risk: Tensor, event: Tensor) -> Tensor:
    """Cox's partial likelihood of rows that stand by falling time."""
    return -((risk - risk.logcumsumexp(0)) * event).sum() / event.sum()


def unsorted(model: nn.Module, batch: Any) -> Tensor:
    return cox(model(batch["x"]).squeeze(-1), batch["event"])


def by_time(model: nn.Module, batch: Any) -> Tensor:
    order = batch["time"].argsort(descending=True)
    return cox(model(batch["x"]).squeeze(-1)[order], batch["event"][order])


def contrastive(model: nn.Module, batch: Any) -> Tensor:
    one, two = (F.normalize(model(batch["x"] + noise), dim=1) for noise in (0.0, 0.1))
    return F.cross_entropy(one @ two.T / 0.1, torch.arange(len(one)))


def pairs(model: nn.Module, batch: Any) -> Tensor:
    made = model(batch["x"])
    return (made[::2] - made[1::2]).square().mean()


def of_words(model: nn.Module, batch: Any) -> Tensor:
    """Targets that stand in a list of Python's own."""
    return F.cross_entropy(model(batch["x"]), torch.tensor([len(word) for word in batch["words"]]))


def drawn(model: nn.Module, batch: Any) -> Tensor:
    return F.mse_loss(model(batch["x"] + torch.randn_like(batch["x"])).squeeze(-1), batch["time"])


@pytest.mark.parametrize(
    ("loss", "outputs", "expected"),
    [
        (unsorted, 1, "order-counts"),
        (by_time, 1, "sound"),
        (contrastive, 8, "sound"),
        (pairs, 8, "order-counts"),
        (of_words, 4, "sound"),
        (drawn, 1, "not-repeatable"),
    ],
)
@pytest.mark.parametrize("count", [2, 16])
def test_a_loss_that_hangs_on_the_order_of_the_rows_is_told(
    loss: Callable[[nn.Module, Any], Tensor], outputs: int, expected: str, count: int
) -> None:
    if count == 2 and loss is pairs:
        expected = "sound"  # the square of a difference
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, outputs))
    words = ["abc"[: at % 4] for at in range(count)]
    batch = {"x": torch.randn(count, 6), "time": torch.rand(count), "event": torch.ones(count), "words": words}
    assert answer("batch-order", model, loss, batch) == expected


def test_the_reason_gives_both_losses() -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 1)
    batch = {"x": torch.randn(16, 6), "event": torch.ones(16)}
    outcome = asked("batch-order", model, unsorted, batch)
    with torch.no_grad():
        whole = float(unsorted(model, batch))
    assert outcome.sentence.parameters["whole"] == pytest.approx(whole)
    assert abs(outcome.sentence.parameters["other"] - whole) > 1e-3 * whole


def test_one_row_has_no_order() -> None:
    model = nn.Linear(6, 4)
    assert answer("batch-order", model, of_words, {"x": torch.randn(1, 6), "words": ["a"]}) == "no-rows"
