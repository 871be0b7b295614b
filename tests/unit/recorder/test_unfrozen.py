"""Layers that are unfrozen on the way are noted as such, and what was never frozen as a whole is not."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import newllm
from newllm.trace import read_trace


def recorded(
    run: Path, change: Callable[[int, nn.Sequential], object], *, frozen: tuple[int, ...] = (0,), steps: int = 120
) -> list[tuple[str, str, float | None]]:
    """Return what is said of frozen layers in a training in which something is done before each step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    for index in frozen:
        model[index].requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    with newllm.record(model, optimizer, run, every=5) as recorder:
        for step in range(1, steps + 1):
            change(step, model)
            x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            loss = (model(x) - x[:, :1]).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    found = newllm.doctor(run, against=()).findings
    return [(one.severity, str(one.sentence), one.first_step) for one in found if one.kind == "frozen-layer"]


def test_a_layer_that_is_unfrozen_on_the_way_is_noted_at_its_step(tmp_path: Path) -> None:
    said = recorded(tmp_path / "run", lambda step, model: model[0].requires_grad_(step >= 62))
    assert said == [("note", "0 (Linear) is frozen at first (requires_grad) and trained from step 62", 62.0)]
    assert list(read_trace(tmp_path / "run" / "trace.jsonl").series("unfrozen/0").step) == [62]


def test_layers_that_are_unfrozen_one_after_the_other_are_one_note(tmp_path: Path) -> None:
    def change(step: int, model: nn.Sequential) -> None:
        model[2].requires_grad_(step >= 30)
        model[0].requires_grad_(step >= 62)

    ((severity, said, first),) = recorded(tmp_path / "run", change, frozen=(0, 2))
    assert (severity, first) == ("note", 30.0)
    assert said.startswith("0 (Linear), 2 (Linear) are frozen at first (requires_grad) and trained later: ")
    assert said.endswith("the first of them from step 30, the last from 62")


def test_what_is_unfrozen_for_a_while_is_told_with_both_ends(tmp_path: Path) -> None:
    said = recorded(tmp_path / "run", lambda step, model: model[0].requires_grad_(40 <= step < 80))
    assert {severity for severity, _, _ in said} == {"note"}
    assert any("trained from step 40" in sentence for _, sentence, _ in said)
    assert any("moves until step 75" in sentence for _, sentence, _ in said)


def _nothing(_step: int, _model: nn.Sequential) -> None:
    pass


def _of_a_game(step: int, model: nn.Sequential) -> None:
    model[0].requires_grad_(step % 2 == 0)  # a side that is frozen at every other update


def _half(step: int, model: nn.Sequential) -> None:
    model[0].bias.requires_grad_(True)
    model[0].weight.requires_grad_(step >= 62)


@pytest.mark.parametrize("change", [_nothing, _of_a_game, _half])
def test_a_layer_that_was_trained_from_its_first_updates_on_is_not_said_to_have_been_frozen(
    tmp_path: Path, change: Callable[[int, nn.Sequential], object]
) -> None:
    assert recorded(tmp_path / "run", change, frozen=()) == []


@pytest.mark.parametrize("change", [_of_a_game, _half])
def test_nor_is_one_that_is_frozen_only_when_the_recording_begins(
    tmp_path: Path, change: Callable[[int, nn.Sequential], object]
) -> None:
    assert recorded(tmp_path / "run", change) == []


def test_a_layer_that_stays_frozen_is_noted_as_that(tmp_path: Path) -> None:
    ((severity, said, _),) = recorded(tmp_path / "run", _nothing)
    assert severity == "note"
    assert "trained from" not in said
