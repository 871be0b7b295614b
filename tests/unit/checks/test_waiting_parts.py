"""Parts of which a batch reaches some: they wait for other inputs. A single part that is never used is a mistake."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from tests.unit.checks.healthy import classes, table
from torch import Tensor, nn


class Parts(nn.Module):
    """A body and several heads, of which a rule says which are used; beside them a branch that may be forgotten."""

    def __init__(self, use: Callable[["Parts", Tensor], Tensor], heads: Any = None) -> None:
        super().__init__()
        self.body, self.branch = nn.Linear(10, 32), nn.Linear(32, 3)
        self.heads: Any = nn.ModuleList(nn.Linear(32, 3) for _ in range(4)) if heads is None else heads
        self.use = use

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.body(x))
        return self.use(self, h) + self.branch(h)


class Forgetful(Parts):
    """The branch is not used."""

    def forward(self, x: Tensor) -> Tensor:
        return self.use(self, torch.relu(self.body(x)))


def _all(model: Parts, h: Tensor) -> Tensor:
    return torch.stack([head(h) for head in model.heads]).sum(0)


def _experts(model: Parts, h: Tensor) -> Tensor:
    chosen = h.sum(1).long() % 2  # of four
    return torch.stack([model.heads[int(at)](row) for at, row in zip(chosen, h, strict=True)])


def _by_gate(model: Parts, h: Tensor) -> Tensor:
    gate = torch.tensor([1.0, 1.0, 0.0, 0.0])
    return torch.stack([share * head(h) for share, head in zip(gate, model.heads, strict=True)]).sum(0)


def _dropped(model: Parts, h: Tensor) -> Tensor:
    for head in model.heads:
        if not model.training or torch.rand(()) > 0.8:
            h = h + head(h)
    return h[:, :3]


class Block(nn.Module):
    """Two branches, one of which may be cut off from the gradient."""

    def __init__(self, cut: bool) -> None:
        super().__init__()
        self.used, self.other, self.cut = nn.Linear(32, 3), nn.Linear(32, 3), cut

    def forward(self, h: Tensor) -> Tensor:
        other = self.other(h)
        return self.used(h) + (other.detach() if self.cut else other)


def _layers() -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(32, 32) for _ in range(8))


def _of_domains() -> nn.ModuleDict:
    return nn.ModuleDict({"a": nn.Linear(32, 3), "b": nn.Linear(32, 3)})


def _others() -> nn.ModuleDict:
    return nn.ModuleDict({"used": nn.Linear(32, 3), "norm": nn.LayerNorm(32), "none": nn.Linear(32, 3, bias=False)})


PARTS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "all heads": (lambda: Parts(_all), "sound"),
    "experts": (lambda: Parts(_experts), "unreached"),
    "a gate of zero": (lambda: Parts(_by_gate), "unreached"),
    "a head by domain": (lambda: Parts(lambda m, h: m.heads["b"](h), _of_domains()), "unreached"),
    "layers dropped at random": (lambda: Parts(_dropped, _layers()), "unreached"),
    "none of the heads": (lambda: Parts(lambda _, h: h[:, :3]), "wrong"),
    "parts of other kinds": (lambda: Parts(lambda m, h: m.heads["used"](h), _others()), "wrong"),
    "a branch that is cut off in one block": (
        lambda: Parts(_all, nn.ModuleList(Block(at == 1) for at in range(3))),
        "wrong",
    ),
    "a forgotten branch beside experts": (lambda: Forgetful(_experts), "wrong"),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_that_wait_for_other_inputs_are_no_mistake(name: str) -> None:
    torch.manual_seed(0)
    make, expected = PARTS[name]
    assert answer("gradients", make(), classes, table()) == expected


def test_only_the_forgotten_branch_is_named() -> None:
    torch.manual_seed(0)
    outcome = asked("gradients", Forgetful(_experts), classes, table())
    assert outcome.evidence["names"] == ["branch.weight", "branch.bias"]
