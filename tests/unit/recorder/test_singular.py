"""Functions whose derivative is infinite somewhere, read off the graph of a loss."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.recorder import singular
from newllm.recorder.singular import singular_functions

X = torch.randn(8, 4)


class Two(nn.Module):
    """Two layers one after the other, and a third beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.beside = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(4, 3)

    def layers(self) -> dict[str, list[nn.Parameter]]:
        return {name: list(layer.parameters()) for name, layer in self.named_children()}


Made = Callable[[Tensor], Tensor]
BLAMED: dict[str, tuple[Made, str]] = {
    "sqrt": (lambda z: z.square().sum(-1).sqrt().mean(), "sqrt"),
    "root of a product": (lambda z: (0.5 * z.square()).sqrt().mean(), "sqrt"),
    "power of a half": (lambda z: z.square().sum(-1).pow(0.5).mean(), "pow"),
    "acos": (lambda z: torch.acos(torch.cos(z)).mean(), "acos"),
    "asin": (lambda z: torch.asin(torch.sin(z)).mean(), "asin"),
    "acos clamped at the place": (lambda z: torch.acos(z.clamp(-1, 1)).mean(), "acos"),
    "root clamped at the place": (lambda z: z.clamp(min=0).sqrt().mean(), "sqrt"),
    "hypot": (lambda z: torch.hypot(z[:, 0], z[:, 1]).mean(), "hypot"),
    "xlogy": (lambda z: torch.xlogy(z.softmax(-1), z.softmax(-1)).mean(), "xlogy"),
    "eigh": (lambda z: torch.linalg.eigh(z.T @ z)[0].sum(), "eigh"),
    "svd": (lambda z: torch.linalg.svd(z)[0].sum(), "svd"),
    "hidden log": (lambda z: torch.where(z > 0, z.relu().log(), 0.0).mean(), "log"),
    "hidden division": (lambda z: torch.where(z > 0, 1 / z.relu(), 0.0).mean(), "reciprocal"),
    "masked log": (lambda z: z.relu().log().masked_fill(z <= 0, 0.0).mean(), "log"),
}
SOUND: dict[str, Made] = {
    "root of more than nothing": lambda z: (z.square().sum(-1) + 1e-8).sqrt().mean(),
    "root clamped away": lambda z: z.square().sum(-1).clamp(min=1e-8).sqrt().mean(),
    "acos clamped away": lambda z: torch.acos(z.clamp(-1 + 1e-6, 1 - 1e-6)).mean(),
    "square": lambda z: z.pow(2).mean(),
    "power of two thirds and more": lambda z: z.square().pow(1.5).mean(),
    "log in the open": lambda z: z.softmax(-1).log().mean(),
    "hidden log of more than nothing": lambda z: torch.where(z > 0, (z.relu() + 1e-8).log(), 0.0).mean(),
    "hidden division by a constant": lambda z: torch.where(z > 0, z / 2, 0.0).mean(),
    "norm": lambda z: z.norm(dim=-1).mean(),  # whose derivative torch sets to 0 there
    "root of a constant": lambda z: (X.square().sum(-1).sqrt() * z.sum(-1)).mean(),
}


@pytest.mark.parametrize("form", BLAMED)
def test_a_function_is_found_with_the_layers_it_leads_to(form: str) -> None:
    model, (made, function) = Two(), BLAMED[form]
    loss = made(model.second(model.first(X))) + model.beside(X).square().mean()
    (found,) = singular_functions(loss, model.layers())
    assert found == {
        "function": function,
        "layers": ["first", "second"],
        "hidden": "hidden" in form or "masked" in form,
    }


@pytest.mark.parametrize("form", SOUND)
def test_what_is_kept_away_from_the_place_is_none(form: str) -> None:
    model = Two()
    assert singular_functions(SOUND[form](model.second(model.first(X))), model.layers()) == []


@pytest.mark.parametrize("function", [torch.sqrt, torch.acos, lambda x: x.pow(0.5), torch.xlogy, torch.hypot])
def test_its_gradient_is_not_finite_at_the_place(function: Callable[..., Tensor]) -> None:
    """Held against torch itself."""
    place = torch.full((1,), 1.0 if function is torch.acos else 0.0, requires_grad=True)
    value = function(place, place) if function in (torch.xlogy, torch.hypot) else function(place)
    assert torch.isfinite(value)
    assert not torch.isfinite(torch.autograd.grad(value, place)[0])


def test_the_same_twice_is_said_once_and_many_stop() -> None:
    model = Two()
    z = model.first(X)
    loss = sum(z.square().sum(-1).sqrt().mean() for _ in range(100))
    assert len(singular_functions(loss, model.layers())) == 1


def test_of_a_large_graph_and_of_no_graph_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Two()
    loss = BLAMED["sqrt"][0](model.first(X))
    assert [singular_functions(one, model.layers()) for one in (1.5, loss.detach(), None, {"loss": loss})] == [[]] * 4
    monkeypatch.setattr(singular, "_MOST_NODES", 5)
    assert singular_functions(loss, model.layers()) == []


def test_it_stands_in_the_recording_and_in_the_answer(tmp_path: Path) -> None:
    """Distances of a row to itself: NaN from the first step at which two rows are equal."""
    torch.manual_seed(0)
    model = Two()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with newllm.record(model, optimizer, out=tmp_path) as recorder:
        for step in range(40):
            rows = torch.randn(8, 4)
            if step == 25:
                rows[1] = rows[0]
            z = model.first(rows)
            apart = (z[::2] - z[1::2]).square().sum(-1).sqrt()
            loss = apart.mean() + model.second(z.detach()).square().mean() + model.beside(rows).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    kept = json.loads((tmp_path / "recording.json").read_text())
    assert kept["singular"] == [{"function": "sqrt", "layers": ["first"], "hidden": False}]
    (found,) = [one for one in newllm.doctor(tmp_path, against=()).findings if one.kind == "not-finite"]
    assert "at step 26 the gradient of first is not finite and that of second, beside is" in str(found.sentence)
    (cause, *_) = found.causes or ()
    assert cause.name == "numerics-in-loss"
    assert "the layers that sqrt leads to" in str(cause.reason)
