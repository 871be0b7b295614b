"""A model that gives one number per row: `[B]`, `[B, 1]`, alone or among others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import answer
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Answer:
    price: Tensor


FORMS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    "flat": (lambda x: x.squeeze(-1), lambda made: made),
    "column": (lambda x: x, lambda made: made.squeeze(-1)),
    "dictionary": (lambda x: {"mean": x.mean(), "price": x.squeeze(-1)}, lambda made: made["price"]),
    "tuple": (lambda x: (x.squeeze(-1), None), lambda made: made[0]),
    "object": (lambda x: Answer(x.squeeze(-1)), lambda made: made.price),
}


class Prices(nn.Module):
    def __init__(self, form: Callable[[Tensor], Any], mix: Callable[[Tensor], Tensor] = torch.relu) -> None:
        super().__init__()
        self.first, self.head, self.form, self.mix = nn.Linear(8, 16), nn.Linear(16, 1), form, mix

    def forward(self, x: Tensor) -> Any:
        return self.form(self.head(self.mix(self.first(x))))


def standardised(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / x.std(0)


def rows() -> tuple[Tensor, Tensor]:
    return torch.randn(32, 8), torch.randn(32)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by", [F.mse_loss, lambda made, y: F.mse_loss(made, y).sqrt(), F.l1_loss])
def test_rows_of_a_regression_that_see_each_other_are_found(form: str, by: Callable[[Tensor, Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    give, take = FORMS[form]
    loss = lambda model, batch: by(take(model(batch[0])), batch[1])  # noqa: E731
    assert answer("rows", Prices(give), loss, rows()) == "sound"
    assert answer("rows", Prices(give, standardised), loss, rows()) == "wrong"
    norm = nn.BatchNorm1d(16, track_running_stats=False)
    assert answer("rows", Prices(give, norm), loss, rows()) == "wrong"


@pytest.mark.parametrize("form", FORMS)
def test_the_reason_is_that_there_are_no_classes(form: str) -> None:
    torch.manual_seed(0)
    give, take = FORMS[form]
    loss = lambda model, batch: F.mse_loss(take(model(batch[0])), batch[1])  # noqa: E731
    for probe in ("loss-form", "initial-loss", "reduction", "shift"):
        assert answer(probe, Prices(give), loss, rows()) == "single-number"
    cut = lambda model, batch: F.mse_loss(take(model(batch[0])).detach(), batch[1])  # noqa: E731
    assert answer("loss-form", Prices(give), cut, rows()) == "no-gradient"


def ranked(scores: Tensor, best: Tensor) -> Tensor:
    return F.cross_entropy(scores[None], best.argmax()[None])


def of_the_best(scores: Tensor, best: Tensor) -> Tensor:
    return -scores[best.argmax()]


def correlation(scores: Tensor, y: Tensor) -> Tensor:
    return -(standardised(scores) * standardised(y)).mean()


@pytest.mark.parametrize(
    ("form", "loss"),
    [
        (lambda x: x.squeeze(-1), ranked),
        (lambda x: x.squeeze(-1), correlation),
        (lambda x: x.squeeze(-1).softmax(0), F.mse_loss),
        (lambda x: x.squeeze(-1).log_softmax(0), of_the_best),
    ],
    ids=["scores", "correlated", "shares", "choice"],
)
def test_items_of_one_list_may_see_each_other(form: Callable[[Tensor], Any], loss: Any) -> None:
    torch.manual_seed(0)
    model = Prices(form, standardised)
    assert answer("rows", model, lambda m, b: loss(m(b[0]), b[1]), rows()) == "rows-compared"


class Series(nn.Module):
    """One series `[T, 8]`, which is read in its order, gives `[T]`."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(8, 16), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.first(x)).cumsum(0)).squeeze(-1)


def test_the_steps_of_one_series_are_no_rows() -> None:
    torch.manual_seed(0)
    loss = lambda model, batch: F.mse_loss(model(batch[0]), batch[1])  # noqa: E731
    assert answer("rows", Series(), loss, rows()) == "along-first"


class Actor(nn.Module):
    """A policy and the value of each state, `[B, 4]` and `[B, 1]`."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.policy, self.value = nn.Linear(8, 16), nn.Linear(16, 4), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        made = torch.relu(self.first(x))
        return self.policy(made), self.value(made)


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_the_value_of_a_policy_that_is_compared_with_all_returns_is_found() -> None:
    def loss(model: nn.Module, batch: tuple[Tensor, Tensor], squeezes: bool) -> Tensor:
        logits, value = model(batch[0])
        return F.cross_entropy(logits, logits.argmax(1)) + F.mse_loss(
            value.squeeze(-1) if squeezes else value, batch[1]
        )

    def of_a_row(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.mse_loss(model(batch[0])[0], torch.ones(1, 4))  # one target for each column, for all rows

    torch.manual_seed(0)
    assert answer("broadcast", Actor(), lambda m, b: loss(m, b, squeezes=False), rows()) == "wrong"
    assert answer("broadcast", Actor(), lambda m, b: loss(m, b, squeezes=True), rows()) == "no-single-numbers"
    assert answer("broadcast", Actor(), of_a_row, rows()) == "no-single-numbers"
