"""Several optimizers, and groups that rest: what is not moved here is said, and what nothing moves is found."""

import gc

import torch
from tests.unit.checks.asked import asked
from tests.unit.checks.healthy import classes, mlp, table
from torch import nn


def _asked(probe: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[str, list[str]]:
    torch.manual_seed(0)
    found = asked(probe, model, classes, table(), optimizer=optimizer)
    named = (
        found.sentence.parameters.get("names", []) if found.status == "unchecked" else found.evidence.get("names", [])
    )
    return found.sentence.id.rpartition(".")[2], named


def test_what_a_second_optimizer_holds_is_not_missing() -> None:
    model = mlp()
    first = torch.optim.SGD(model[0].parameters(), 0.1)
    second = torch.optim.AdamW([model[2].weight], 1e-3)  # type: ignore[list-item]
    assert _asked("optimizer-holds", model, first) == ("missing", ["2.bias"])
    second.add_param_group({"params": [model[2].bias]})
    assert _asked("optimizer-holds", model, first) == ("other-optimizer", ["2.weight", "2.bias"])


def test_an_optimizer_that_is_gone_holds_nothing() -> None:
    model = mlp()
    gone = torch.optim.AdamW(model.parameters(), 1e-3)
    gone.itself = gone  # type: ignore[attr-defined]
    gc.disable()
    try:
        del gone
        assert _asked("optimizer-holds", model, torch.optim.SGD(model[0].parameters(), 0.1))[0] == "missing"
    finally:
        gc.enable()


def test_a_group_that_rests_is_not_said_to_move() -> None:
    model = mlp()
    groups = [{"params": model[0].parameters(), "lr": 0.0}, {"params": model[2].parameters(), "lr": 1e-3}]
    assert _asked("moves", model, torch.optim.AdamW(groups)) == ("some-rest", ["0.weight", "0.bias"])
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters()}]
    assert _asked("moves", model, torch.optim.AdamW(groups, 1e-3)) == ("sound", [])


def test_a_group_that_is_lost_in_rounding_is_found_beside_one_that_rests() -> None:
    model = mlp()
    with torch.no_grad():
        model[2].weight.add_(1e6)  # type: ignore[operator]
    groups = [{"params": model[0].parameters(), "lr": 0.0}, {"params": model[2].parameters(), "lr": 1e-4}]
    assert _asked("moves", model, torch.optim.SGD(groups))[0] == "wrong"


def test_gradients_that_another_optimizer_left_are_none_of_this_one() -> None:
    model = nn.Sequential(mlp(), nn.Linear(3, 3))
    table_, ids = table()
    nn.functional.cross_entropy(model(table_), ids).backward()
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD(model[1].parameters(), 0.1)
    assert _asked("gradient-scale", model, optimizer)[0] == "no-layers"
    model[0][0].requires_grad_(True)  # type: ignore[operator]
    assert _asked("repeatable", model, optimizer)[0] == "sound"
    nn.init.zeros_(model[1].weight.requires_grad_(False))  # type: ignore[operator, arg-type]
    assert _asked("gradients", model, optimizer) == ("zero", ["0.0.weight", "0.0.bias"])
