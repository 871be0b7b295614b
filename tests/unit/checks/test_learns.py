"""How far one batch is learnt is said, and units that begin alike and stay so are found."""

from collections.abc import Callable

import pytest
import torch
from tests.unit.checks.asked import asked
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn
from torch.nn import functional as F

from newllm.checks.outcome import Outcome


def _asked(model: nn.Module, batch: tuple[Tensor, Tensor] | None = None, rate: float = 1e-3) -> Outcome:
    batch = table() if batch is None else batch
    return asked("learns", model, classes, batch, optimizer=torch.optim.AdamW(model.parameters(), rate))


class Blind(nn.Module):
    """It answers alike whatever it is given, or nearly."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.layers, self.share = mlp(), share

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self.share * x)


def test_how_far_it_was_learnt_is_said() -> None:
    torch.manual_seed(0)
    heart = _asked(mlp(), rate=0.1)
    assert heart.evidence["reached"] == "heart"
    assert str(heart.sentence).endswith(": it is learnt by heart")
    part = _asked(mlp(), rate=2e-3)
    assert part.evidence["reached"] == "part"
    assert 0.1 <= part.evidence["share"] < 0.9


def _skewed(rows: int, rare: int) -> tuple[Tensor, Tensor]:
    return torch.randn(rows, 10), torch.tensor([0] * (rows - rare) + [1] * rare)[torch.randperm(rows)]


@pytest.mark.parametrize(
    ("share", "batch", "says"),
    [
        pytest.param(0.0, (20, 2), "prior", id="a model that sees no input"),
        pytest.param(0.0, (200, 1), "prior", id="whose loss falls by nine tenths, as one class is rare"),
        pytest.param(1.0, (20, 2), "heart", id="a model that sees it"),
        pytest.param(1.0, (200, 1), "heart", id="and learns a rare class"),
        pytest.param(1.0, (20, 0), "one-class", id="a batch that shows nothing of it"),
    ],
)
def test_what_guessing_by_the_share_of_each_class_costs_is_not_learnt(
    share: float, batch: tuple[int, int], says: str
) -> None:
    torch.manual_seed(0)
    found = _asked(Blind(share), _skewed(*batch), rate=0.1)
    if says == "heart":
        assert (found.status, found.evidence["reached"]) == ("sound", "heart")
    else:
        assert (found.status, found.sentence.id) == ("unchecked", f"check-reason.{says}")


def test_a_model_that_only_takes_longer_is_tried_at_a_larger_rate() -> None:
    torch.manual_seed(0)
    found = _asked(mlp(2), _skewed(40, 2), rate=1e-3)
    assert (found.status, found.evidence["reached"], found.evidence["factor"]) == ("sound", "heart", 10.0)


@pytest.mark.parametrize("same", [True, False])
def test_where_all_inputs_are_the_same_guessing_is_all_there_is_to_learn(same: bool) -> None:
    torch.manual_seed(0)
    x, y = _skewed(20, 2)
    x = torch.ones(20, 10) if same else x
    found = _asked(mlp(), (x, y), rate=0.1)
    assert (found.status, found.evidence["reached"]) == ("sound", "floor" if same else "heart")
    assert ("the inputs of all rows are the same" in str(found.sentence)) is same


def _constant(first: float, head: float, *, random_head: bool = False) -> nn.Sequential:
    model = mlp()
    with torch.no_grad():
        for at, value in ((0, first), (2, head)):
            if at == 0 or not random_head:
                model[at].weight.fill_(value)  # type: ignore[operator]
            model[at].bias.zero_()  # type: ignore[operator]
    return model


def test_units_that_stay_alike_are_found() -> None:
    torch.manual_seed(0)
    found = _asked(_constant(0.1, 0.1))
    assert (found.sentence.id, found.evidence["names"]) == ("check-learns.alike", ["0.weight"])
    assert "the units of a layer begin alike and are still alike after" in str(found.sentence)


def _zero_head() -> nn.Sequential:
    model = mlp()
    with torch.no_grad():
        model[2].weight.zero_()  # type: ignore[operator]
    return model


PARTING: dict[str, Callable[[], nn.Module]] = {
    "a random head": lambda: _constant(0.1, 0.0, random_head=True),  # it tells the units apart
    "a head of zeros": _zero_head,
    "two classes": lambda: nn.Sequential(nn.Linear(10, 2)),
}


@pytest.mark.parametrize("name", PARTING)
def test_units_that_part_are_no_fault(name: str) -> None:
    torch.manual_seed(0)
    batch = torch.randn(16, 10), torch.randint(0, 2, (16,))
    assert _asked(PARTING[name](), batch, rate=1e-2).status == "sound"


class _Two(nn.Module):
    """Classes and a number from one row."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.classes, self.number = nn.Linear(10, 16), nn.Linear(16, 3), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.relu(self.body(x))
        return self.classes(hidden), self.number(hidden)


def test_a_sum_of_two_losses_is_not_held_against_the_guess_of_one() -> None:
    torch.manual_seed(0)
    model = _Two()

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        logits, number = model(batch[0])
        return F.cross_entropy(logits, batch[1]) + 5 * (number[:, 0] - 1).square().mean()

    found = asked("learns", model, loss, table(), optimizer=torch.optim.Adam(model.parameters(), 1e-3))
    assert (found.status, found.evidence["reached"]) == ("sound", "part")


@pytest.mark.parametrize(("size", "case"), [(2.0, "below"), (0.02, "slow")])
def test_a_loss_that_goes_below_zero_is_not_learnt_by_heart(size: float, case: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 10)
    x[:, 0] = 1.0
    model = nn.Linear(10, 1, bias=False)
    with torch.no_grad():
        model.weight.zero_()

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        return 0.005 - size * torch.tanh(model(batch)).mean()

    found = asked("learns", model, loss, x, optimizer=torch.optim.SGD(model.parameters(), 0.1))
    assert found.sentence.id.endswith(f".{case}"), str(found.sentence)
