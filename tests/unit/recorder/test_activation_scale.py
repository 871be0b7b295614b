"""Activation scales: by hand, over many calls, and what they cannot see."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.model.language_model import LanguageModel
from newllm.recorder import ActivationScale
from newllm.recorder.layers import layers

AnyModel = tuple[nn.Module, Callable[[nn.Module], Tensor]]


def identity(width: int) -> nn.Linear:
    """Return a layer that passes everything through."""
    layer = nn.Linear(width, width, bias=False)
    nn.init.eye_(layer.weight)
    return layer


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_the_scale_by_hand_over_calls_of_several_sizes() -> None:
    model = nn.Sequential(identity(2), nn.ReLU())
    with ActivationScale(model) as scale:
        model(torch.tensor([[3.0, -4.0]]))
        model(torch.zeros(3, 2))
    assert scale.rms() == {"0": pytest.approx(math.sqrt(25 / 8))}


def test_a_module_called_many_times_counts_every_call(build: Callable[..., LanguageModel]) -> None:
    model, outputs = build(body="cell", rule="gated").eval(), []
    model.body.get_submodule("fnn.0").register_forward_hook(lambda _, __, output: outputs.append(output))
    tokens_BT, state = torch.randint(11, (3, 7)), model.initial_state(3)
    with torch.no_grad(), ActivationScale(model) as scale:
        for tokens_B in tokens_BT.unbind(1):
            _, state = model.step(tokens_B, state)
    assert len(outputs) == 7
    assert set(scale.rms()) == set(layers(model))
    assert scale.rms()["body.fnn.0"] == pytest.approx(float(torch.stack(outputs).square().mean().sqrt()), rel=1e-12)


def test_of_an_lstm_the_output_counts() -> None:
    model, x = nn.LSTM(3, 4), torch.randn(5, 2, 3)
    with ActivationScale(model) as scale:
        output, _ = model(x)
    assert scale.rms() == {".": pytest.approx(float(output.detach().square().mean().sqrt()), rel=1e-6)}


def test_a_mapping_and_outputs_without_numbers() -> None:
    class Odd(nn.Module):
        def __init__(self, output: object) -> None:
            super().__init__()
            self.weight, self.output = nn.Parameter(torch.ones(1)), output

        def forward(self) -> object:
            return self.output

    two = torch.full((3,), 2.0)
    for output in ({"ids": torch.tensor([7]), "logits": two}, (None, [two]), two.half()):
        with ActivationScale(odd := Odd(output)) as scale:
            odd()
        assert scale.rms() == {".": pytest.approx(2.0)}
    for output in (None, "text", torch.tensor([7]), torch.zeros(0, 3)):
        with ActivationScale(odd := Odd(output)) as scale:
            odd()
        assert scale.rms() == {}


def test_the_hooks_are_gone_after_exit_and_after_an_exception(any_model: AnyModel) -> None:
    model, loss = any_model
    before = hooks(model)
    with ActivationScale(model) as scale:
        assert hooks(model) > before
        loss(model)
    assert hooks(model) == before
    seen = scale.rms()
    loss(model)
    assert scale.rms() == seen
    with pytest.raises(KeyError), ActivationScale(model):
        raise KeyError
    assert hooks(model) == before


def test_watching_changes_no_gradient(any_model: AnyModel) -> None:
    """But for rounding: our cell leaves its fused pass while it is hooked."""
    model, loss = any_model
    plain = torch.autograd.grad(loss(model), list(model.parameters()), allow_unused=True)
    with ActivationScale(model):
        watched = torch.autograd.grad(loss(model), list(model.parameters()), allow_unused=True)
    torch.testing.assert_close(watched, plain, rtol=1e-9, atol=1e-9)


def test_what_is_not_a_number_shows_and_what_is_huge_stays_finite() -> None:
    model = nn.Sequential(identity(1), identity(1))
    with ActivationScale(model) as scale:
        model(torch.tensor([[math.nan]]))
    assert all(math.isnan(value) for value in scale.rms().values())
    with ActivationScale(model.double()) as scale:
        model(torch.full((1, 1), 1e200, dtype=torch.float64))
        model(torch.full((1, 1), 1e200, dtype=torch.float64))
    assert scale.rms()["0"] == pytest.approx(1e200)


def test_a_layer_whose_weights_are_used_without_a_call_is_left_out() -> None:
    class Fused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = identity(2), identity(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.outer(F.linear(x, self.inner.weight))

    with ActivationScale(model := Fused()) as scale:
        model(torch.ones(1, 2))
    assert scale.rms() == {"outer": pytest.approx(1.0)}
