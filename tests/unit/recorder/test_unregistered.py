"""Layers in plain lists: what has a gradient and is no part of the model is told, what is hidden on purpose is not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.trace import Finding, read_trace


class Hides(nn.Module):
    """Two layers in a container, and a last one that torch knows."""

    def __init__(self, container: type = list) -> None:
        super().__init__()
        hidden = [nn.Linear(4, 4), nn.Linear(4, 4)]
        self.middle: Any = {"a": hidden[0], "b": [hidden[1]]} if container is dict else container(hidden)
        self.head = nn.Linear(4, 1)
        self.same = [self.head]  # a second name for what torch knows
        self.rows = list(range(100_000))
        self.teacher = [nn.Linear(4, 1)]

    def hidden(self) -> list[nn.Linear]:
        return [self.middle["a"], self.middle["b"][0]] if isinstance(self.middle, dict) else list(self.middle)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = x + self.teacher[0](x)
        for layer in self.hidden():
            x = layer(x).tanh()
        return self.same[0](x)


def found(model: nn.Module, place: Path, *, all_given: bool = False) -> list[Finding]:
    given = [*model.parameters(), *(each for layer in model.hidden() for each in layer.parameters())]  # type: ignore[operator]
    optimizer = torch.optim.SGD(
        list({id(each): each for each in given}.values()) if all_given else model.parameters(), 0.01
    )
    with newllm.record(model, optimizer, place, every=5) as recorder:
        for step in range(30):
            x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            loss = (model(x) - x[:, :1]).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    return [
        one
        for one in newllm.doctor(place, against=()).findings
        if one.kind == "frozen-layer" and one.severity != "note"
    ]


@pytest.mark.parametrize(
    ("container", "names"),
    [(list, "middle[0], middle[1]"), (tuple, "middle[0], middle[1]"), (dict, "middle['a'], middle['b'][0]")],
)
def test_layers_in_a_plain_container_that_get_gradients_are_told(container: type, names: str, tmp_path: Path) -> None:
    (one,) = found(Hides(container), tmp_path / "run")
    assert str(one.sentence).startswith(f"{names} get gradients but are never trained")
    assert (one.evidence["layers"], one.supported_causes) == (names.split(", "), ("frozen-layer",))


def test_what_torch_knows_or_the_optimizer_was_given_is_not(tmp_path: Path) -> None:
    assert found(Hides(nn.ModuleList), tmp_path / "known") == []
    assert found(Hides(list), tmp_path / "given", all_given=True) == []


def test_what_is_unfrozen_and_was_never_given_to_the_optimizer(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD(model[2].parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run", every=5) as recorder:
        for step in range(60):
            model[0].requires_grad_(step >= 20)
            x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            loss = (model(x) - x[:, :1]).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    (one,) = [
        one
        for one in newllm.doctor(tmp_path / "run", against=()).findings
        if one.kind == "frozen-layer" and one.severity != "note"
    ]
    said = "gets gradients since step 25 at the latest, but was not given to the optimizer and never moves"
    assert (str(one.sentence), one.first_step) == (f"0 (Linear) {said}", 25.0)
    assert [each.id for each in one.alternatives] == ["finding-frozen-layer.for-another"]


def test_what_is_unfrozen_layer_by_layer_and_adds_its_gradients_up(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    model[:4].requires_grad_(False)  # type: ignore[operator]
    optimizer = torch.optim.SGD(model[4].parameters(), 0.001)
    with newllm.record(model, optimizer, tmp_path / "run", every=5) as recorder:
        for step in range(200):
            model[2].requires_grad_(step >= 60)
            model[0].requires_grad_(step >= 100)
            x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            loss = (model(x) - x[:, :1] - 1).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    findings = newllm.doctor(tmp_path / "run", against=()).findings
    (one,) = [one for one in findings if one.kind == "frozen-layer" and one.severity != "note"]
    said = (
        "get gradients, the first of them since step 65 and the last since step 105 at the latest, but were not given"
    )
    assert str(one.sentence).startswith(f"0 (Linear), 2 (Linear) {said}")
    assert one.evidence["adds_up"]


class Unnameable:
    def __repr__(self) -> str:
        raise RuntimeError("no name")


def test_a_container_that_cannot_be_read_ends_no_training(tmp_path: Path) -> None:
    model = Hides(nn.ModuleList)
    model.odd = {Unnameable(): nn.Linear(4, 4)}  # type: ignore[assignment]
    with pytest.warns(
        UserWarning, match="recording of unregistered layers stopped, the training goes on: RuntimeError"
    ):
        assert found(model, tmp_path / "run") == []
    assert len(read_trace(tmp_path / "run" / "trace.jsonl").series("gradient_norm").value) == 30
