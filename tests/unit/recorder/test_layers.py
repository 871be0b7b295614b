"""Gradient norms by layer: by hand, and against torch's norm of the whole model."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from newllm.recorder import gradient_norms, total
from newllm.recorder.layers import layers, stacked

AnyModel = tuple[nn.Module, Callable[[nn.Module], Tensor]]


def with_gradients(*gradients: list[float] | None) -> nn.Sequential:
    """Return linear layers 3 -> 1 without bias that have these gradients."""
    linears = [nn.Linear(3, 1, bias=False) for _ in gradients]
    for linear, gradient in zip(linears, gradients, strict=True):
        linear.weight.grad = None if gradient is None else torch.tensor([gradient])
    return nn.Sequential(*linears)


def test_norms_by_hand() -> None:
    norms = gradient_norms(with_gradients([1.0, 2.0, 2.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0]))
    assert norms == {"0": 3.0, "1": 4.0, "2": 0.0}
    assert total(norms) == 5.0


def test_weight_and_bias_are_one_layer() -> None:
    model = nn.Linear(2, 1)
    model.weight.grad, model.bias.grad = torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])
    assert gradient_norms(model) == {".": 5.0}


def test_a_model_without_gradients_has_no_norms(any_model: AnyModel) -> None:
    assert gradient_norms(any_model[0]) == {}
    assert total({}) == 0.0
    assert gradient_norms(nn.Sequential()) == {}


def test_only_the_layer_without_a_gradient_is_left_out() -> None:
    assert gradient_norms(with_gradients(None, [0.0, 0.0, 1.0])) == {"1": 1.0}


def test_the_layers_make_up_the_whole_before_and_after_clipping(any_model: AnyModel) -> None:
    model, loss = any_model
    loss(model).backward()
    before = gradient_norms(model)
    whole = nn.utils.clip_grad_norm_(model.parameters(), 1e-2)
    after = gradient_norms(model)
    assert total(before) == pytest.approx(float(whole), rel=1e-12)
    assert total(after) == pytest.approx(1e-2, rel=1e-3)
    assert after == pytest.approx({name: norm * 1e-2 / float(whole) for name, norm in before.items()}, rel=1e-3)


def test_every_parameter_is_in_exactly_one_layer(any_model: AnyModel) -> None:
    model, _ = any_model
    own = [id(parameter) for group in layers(model).values() for parameter in group]
    assert own == [id(parameter) for parameter in model.parameters()]


def test_a_shared_weight_counts_once() -> None:
    embedding, head = nn.Embedding(4, 3), nn.Linear(3, 4, bias=False)
    head.weight = embedding.weight
    model = nn.Sequential(embedding, head)
    model(torch.tensor([1, 2])).sum().backward()
    norms = gradient_norms(model)
    assert list(norms) == ["0"]
    assert total(norms) == pytest.approx(float(nn.utils.clip_grad_norm_(model.parameters(), 1.0)))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_broken_gradient_shows_in_its_layer_and_in_the_total(bad: float) -> None:
    norms = gradient_norms(with_gradients([bad, 1.0, 1.0], [0.0, 0.0, 1.0]))
    assert norms == pytest.approx({"0": bad, "1": 1.0}, nan_ok=True)
    assert total(norms) == pytest.approx(bad, nan_ok=True)


def test_not_a_number_wins_over_infinity() -> None:
    model = nn.Linear(1, 1)
    model.weight.grad, model.bias.grad = torch.tensor([[math.inf]]), torch.tensor([math.nan])
    assert math.isnan(gradient_norms(model)["."])


def test_half_precision_does_not_overflow() -> None:
    model = nn.Linear(3, 1, bias=False).half()
    model.weight.grad = torch.full((1, 3), 6e4, dtype=torch.float16)
    assert gradient_norms(model)["."] == pytest.approx(6e4 * math.sqrt(3), rel=1e-3)


def test_a_sparse_gradient_is_added_up_first() -> None:
    model = nn.Embedding(5, 2, sparse=True)
    model(torch.tensor([1, 1, 3])).sum().backward()
    assert gradient_norms(model)["."] == pytest.approx(math.sqrt(2 * 2**2 + 2 * 1))


def test_measuring_changes_no_gradient(any_model: AnyModel) -> None:
    model, loss = any_model
    loss(model).backward()
    before = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    gradient_norms(model)
    after = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_numbers_on_several_devices_come_together_on_the_first() -> None:
    assert stacked([torch.ones((), device="meta"), torch.ones(())]).device.type == "meta"
    assert stacked([torch.ones(2), torch.zeros(2)]).tolist() == [[1.0, 1.0], [0.0, 0.0]]
