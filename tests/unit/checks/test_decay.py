"""Weight decay that undoes what is learnt is named; a sound or harmless one is not."""

from typing import Any

import pytest
import torch
from tests.unit.checks.asked import asked
from tests.unit.checks.healthy import Graph, Reader, classes, convolutions, mlp, next_token, table, tokens
from torch import Tensor, nn
from torch.nn import functional as F

from newllm.checks.outcome import Outcome


def _nodes(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0], batch[1]), batch[2])


def _images() -> tuple[Tensor, Tensor]:
    return torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))


def _graph() -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(40, 10), torch.randint(0, 40, (2, 60)), torch.randint(0, 3, (40,))


TRAININGS: dict[str, Any] = {
    "graph": lambda: (Graph(), _nodes, _graph()),
    "images": lambda: (convolutions(), classes, _images()),
    "text": lambda: (Reader(), next_token, tokens()),
    "table": lambda: (mlp(), classes, table()),
}


def _asked(name: str, optimizer: type[torch.optim.Optimizer], settings: dict[str, Any]) -> Outcome:
    torch.manual_seed(0)
    model, loss, batch = TRAININGS[name]()
    return asked("learns", model, loss, batch, optimizer=optimizer(model.parameters(), **settings))


@pytest.mark.parametrize(
    ("name", "optimizer", "settings"),
    [
        ("text", torch.optim.Adam, {"lr": 3e-3}),
        ("graph", torch.optim.Adam, {"lr": 0.01}),
        ("table", torch.optim.SGD, {"lr": 0.1}),
    ],
)
def test_a_decay_far_too_strong_is_named_and_its_sound_twin_is_not(
    name: str, optimizer: type[torch.optim.Optimizer], settings: dict[str, Any]
) -> None:
    found = _asked(name, optimizer, settings | {"weight_decay": 0.5})
    assert found.sentence.id == "check-learns.decayed", str(found.sentence)
    assert "with weight_decay=0.5, the loss goes from" in str(found.sentence)
    assert _asked(name, optimizer, settings | {"weight_decay": 5e-4}).status == "sound"


@pytest.mark.parametrize(
    ("name", "optimizer", "settings"),
    [
        ("text", torch.optim.AdamW, {"lr": 3e-4, "weight_decay": 0.1}),
        ("text", torch.optim.AdamW, {"lr": 1e-4, "weight_decay": 1.0}),  # strong, at a rate that makes it harmless
        ("table", torch.optim.AdamW, {"lr": 1e-3, "weight_decay": 1.0}),
        ("table", torch.optim.SGD, {"lr": 0.05, "weight_decay": 0.03}),  # a ridge
        ("images", torch.optim.AdamW, {"lr": 1e-3, "weight_decay": 0.5}),
        # Strong, and the batch is learnt all the same.
        ("images", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.5}),
    ],
)
def test_a_decay_that_leaves_what_is_learnt_is_not_named(
    name: str, optimizer: type[torch.optim.Optimizer], settings: dict[str, Any]
) -> None:
    assert _asked(name, optimizer, settings).status == "sound"


def test_decay_is_not_named_where_nothing_is_learnt_without_it() -> None:
    torch.manual_seed(0)
    model = mlp()

    def blind(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return classes(model, (0 * batch[0], batch[1]))

    optimizer = torch.optim.SGD(model.parameters(), 0.1, weight_decay=0.5)
    found = asked("learns", model, blind, table(), optimizer=optimizer)
    assert found.sentence.id != "check-learns.decayed"
