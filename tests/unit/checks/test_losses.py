"""The size of a loss: what a fresh model comes to by chance, and what a sum is apart from a factor, are told."""

from collections.abc import Callable

import pytest
import torch
from tests.unit.checks.asked import Loss, answer, asked
from tests.unit.checks.healthy import VOCABULARY, Reader, Transformer, classes, table, tokens
from torch import Tensor, nn
from torch.nn import functional as F


def _he(depth: int, width: int, count: int, head: float = 1.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (10, *[width] * (depth - 1)):
        layers += [nn.Linear(size, width), nn.ReLU()]
    made = nn.Sequential(*layers, nn.Linear(width, count))
    for each in made:
        if isinstance(each, nn.Linear):
            nn.init.kaiming_normal_(each.weight, nonlinearity="relu")
            nn.init.zeros_(each.bias)
    with torch.no_grad():
        made[-1].weight.mul_(head)  # type: ignore[operator]
    return made


@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("depth", [2, 8])
def test_he_on_every_layer_is_no_fault(depth: int, count: int) -> None:
    found = []
    for seed in range(20):
        torch.manual_seed(seed)
        batch = torch.randn(16, 10), torch.randint(0, count, (16,))
        found.append(answer("initial-loss", _he(depth, 128, count), classes, batch))
    assert found == ["sound"] * 20
    assert answer("initial-loss", _he(depth, 128, count, head=20.0), classes, batch) == "wrong"


@pytest.mark.parametrize(("rare", "expected"), [(0.01, "sound"), (0.99, "wrong")])
def test_a_bias_that_speaks_against_the_classes_that_occur_is_found(rare: float, expected: str) -> None:
    torch.manual_seed(0)
    model = nn.Linear(10, 2)
    with torch.no_grad():
        model.weight.mul_(0.1)
        model.bias.copy_(torch.tensor([1 - rare, rare]).log())
    batch = torch.randn(200, 10), (torch.arange(200) < 3).long()
    assert answer("initial-loss", model, classes, batch) == expected


def _tokens(model: nn.Module, batch: Tensor, by: str) -> Tensor:
    logits, targets = model(batch[:, :-1]), batch[:, 1:]
    whole = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=0)
    return whole / {"rows": len(batch), "nothing": 1, "a number": 32, "targets": int((targets != 0).sum())}[by]


@pytest.mark.parametrize(
    ("by", "expected"), [("rows", "factor"), ("nothing", "wrong"), ("a number", "wrong"), ("targets", "sound")]
)
def test_a_sum_is_told_from_a_mean_over_rows(by: str, expected: str) -> None:
    torch.manual_seed(0)
    batch = tokens()
    batch[:, -5:] = batch[:, -5:].clamp(min=1)
    model = Transformer(dropout=0.0)
    assert answer("reduction", model, lambda model, batch: _tokens(model, batch, by), batch) == expected


@pytest.mark.parametrize(("factor", "expected"), [(1.0, "sound"), (3.0, "factor"), (16.0, "factor"), (0.5, "weighted")])
def test_a_factor_is_no_sum(factor: float, expected: str) -> None:
    torch.manual_seed(0)
    model = nn.Linear(10, 3)
    assert answer("reduction", model, lambda model, batch: factor * classes(model, batch), table()) == expected


def test_a_sum_of_which_there_are_no_halves_is_known_by_its_count() -> None:
    """A graph: its nodes cannot be divided."""

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1], reduction="sum") * float(batch[2][0])

    torch.manual_seed(0)
    batch = (*table(), torch.ones(1))
    assert answer("reduction", nn.Linear(10, 3), loss, batch) == "wrong"
    assert answer("reduction", nn.Linear(10, 3), loss, (*batch[:2], batch[2] * 3 / 16)) == "weighted"


def test_a_text_with_as_many_tokens_as_there_are_classes_is_not_taken_for_targets_of_another_axis() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(0, 14, (8, 14))
    model = nn.Sequential(nn.Embedding(14, 8), nn.Linear(8, 14))
    loss: Loss = lambda m, batch: F.cross_entropy(m(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())  # noqa: E731
    assert answer("loss-form", model, loss, tokens) == "sound"
    assert answer("shift", model, loss, tokens) == "sound"

    def inside(model: nn.Module, batch: Tensor) -> Tensor:  # the tokens are not given, and one axis alone matches
        return F.cross_entropy(model(batch[:, :-1].float()[..., None]).flatten(0, 1), batch[:, 1:].flatten())

    assert answer("loss-form", nn.Linear(1, 14), inside, tokens) == "sound"


class Moved(nn.Module):
    """A model whose output has the classes on the second axis, as the loss wants it, or on the last."""

    def __init__(self, inner: nn.Module, *, classes_last: bool) -> None:
        super().__init__()
        self.inner, self.classes_last = inner, classes_last

    def forward(self, tokens: Tensor) -> Tensor:
        made = self.inner(tokens)
        return made if self.classes_last else made.movedim(-1, 1)


@pytest.mark.parametrize("make", [Reader, lambda: Transformer(dropout=0.0)], ids=["recurrent", "attention"])
def test_classes_on_the_wrong_axis_are_found_where_there_are_as_many_positions(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    tokens = torch.randint(0, VOCABULARY, (4, VOCABULARY + 1))
    loss: Loss = lambda model, batch: F.cross_entropy(model(batch[:, :-1]), batch[:, 1:])  # noqa: E731
    found = asked("loss-form", Moved(make(), classes_last=True), loss, tokens)
    assert (found.sentence.id, found.evidence["axis"], found.evidence["over"]) == ("check-loss-form.axis", 2, 1)
    assert answer("loss-form", Moved(make(), classes_last=False), loss, tokens) == "sound"
    whole = Moved(Transformer(causal=False, dropout=0.0), classes_last=False)
    assert answer("loss-form", whole, loss, tokens) == "sound"
