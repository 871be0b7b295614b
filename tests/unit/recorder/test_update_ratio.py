"""Update ratios: by hand, and for any model under plain gradient descent."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from newllm.recorder import UpdateRatio
from newllm.recorder.layers import layers

AnyModel = tuple[nn.Module, Callable[[nn.Module], Tensor]]


def set_to(parameter: Tensor, *values: float) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(values).view_as(parameter))


def test_the_ratio_by_hand_and_biases_do_not_count() -> None:
    model, ratio = nn.Linear(2, 1), UpdateRatio()
    set_to(model.weight, 3.0, 4.0)
    set_to(model.bias, 0.0)
    ratio.before(model)
    set_to(model.weight, 3.0, 4.5)
    set_to(model.bias, 100.0)
    assert ratio.after(model) == {".": pytest.approx(0.1)}


def test_a_layer_of_vectors_is_judged_by_all_of_them() -> None:
    model, ratio = nn.LayerNorm(1), UpdateRatio()
    set_to(model.weight, 3.0)
    set_to(model.bias, 4.0)
    ratio.before(model)
    set_to(model.bias, 3.0)
    assert ratio.after(model) == {".": pytest.approx(0.2)}


def test_a_layer_that_was_all_zero_has_no_ratio() -> None:
    model, ratio = nn.Linear(2, 1), UpdateRatio()
    set_to(model.weight, 0.0, 0.0)
    ratio.before(model)
    set_to(model.weight, 1.0, 1.0)
    assert ratio.after(model) == {".": None}


def test_it_is_rate_times_gradient_over_weight_for_any_model(any_model: AnyModel) -> None:
    model, loss = any_model
    optimizer, ratio = torch.optim.SGD(model.parameters(), lr=1e-3), UpdateRatio()
    for _ in range(2):
        optimizer.zero_grad()
        loss(model).backward()
        expected = {}
        for name, own in layers(model).items():
            judged = [p for p in own if p.dim() > 1] or own
            gradient = torch.cat([p.new_zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in judged])
            weight = torch.cat([p.detach().flatten() for p in judged])
            expected[name] = float(1e-3 * gradient.norm() / weight.norm())
        ratio.before(model)
        optimizer.step()
        assert ratio.after(model) == pytest.approx(expected, rel=1e-6)


def test_frozen_layers_are_left_out() -> None:
    model, ratio = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), UpdateRatio()
    model[0].requires_grad_(False)
    ratio.before(model)
    assert ratio.after(model) == {"1": 0.0}
    model.requires_grad_(False)
    ratio.before(model)
    assert ratio.after(model) == {}


def test_a_weight_that_broke_shows_as_not_a_number() -> None:
    model, ratio = nn.Linear(2, 1), UpdateRatio()
    ratio.before(model)
    set_to(model.weight, math.nan, 0.0)
    assert ratio.after(model) == {".": pytest.approx(math.nan, nan_ok=True)}


def test_it_refuses_an_update_that_it_did_not_see_begin() -> None:
    model, ratio = nn.Linear(2, 1), UpdateRatio()
    with pytest.raises(RuntimeError, match="call before"):
        ratio.after(model)
    ratio.before(model)
    with pytest.raises(RuntimeError, match="call before"):
        ratio.after(nn.Linear(3, 1))
    ratio.after(model)
    with pytest.raises(RuntimeError, match="call before"):
        ratio.after(model)


def test_it_can_go_on_with_another_model() -> None:
    ratio = UpdateRatio()
    for width in (2, 3):
        model = nn.Linear(width, 1)
        ratio.before(model)
        assert ratio.after(model) == {".": 0.0}


def test_measuring_changes_no_weight(any_model: AnyModel) -> None:
    model, _ = any_model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ratio = UpdateRatio()
    ratio.before(model)
    ratio.after(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
