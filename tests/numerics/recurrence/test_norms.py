"""The context norms: on write it is LayerNorm inside the loop, on read it leaves the context alone."""

import pytest
import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.recurrence import NORMS, ContextNorm, build_norm, scan, sequential, update

ROWS, LENGTH, CHANNELS = 2, 23, 5


def norm_at_random(name: str) -> ContextNorm:
    norm = build_norm(name, CHANNELS).double()
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return norm


def problem() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    decay, added = torch.rand(ROWS, LENGTH, CHANNELS).double(), torch.randn(ROWS, LENGTH, CHANNELS).double()
    return decay, added, torch.randn(ROWS, CHANNELS).double(), torch.rand(ROWS, LENGTH) < 0.2


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = x - x.mean()
    return centred / (centred.square().mean() + 1e-5).sqrt() * weight + bias


@pytest.mark.parametrize("with_reset", [False, True])
def test_norm_on_write_is_layer_norm_in_the_loop(with_reset: bool) -> None:
    norm = norm_at_random("write")
    weight, bias = norm.parameters()
    decay, added, initial, reset = problem()
    contexts, final = sequential(decay, added, initial, reset if with_reset else None, norm)
    for row in range(ROWS):
        context = initial[row]
        for t in range(LENGTH):
            if with_reset and reset[row, t]:
                context = torch.zeros_like(context)
            context = layer_norm(decay[row, t] * context + added[row, t], weight, bias)
            torch.testing.assert_close(contexts[row, t], context, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(final[row], context, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["none", "read"])
@pytest.mark.parametrize("with_reset", [False, True])
def test_without_a_norm_on_write_the_loop_is_the_scan(name: str, with_reset: bool) -> None:
    norm = norm_at_random(name)
    decay, added, initial, reset = problem()
    mask = reset if with_reset else None
    results = {}
    for way in ("loop", "scan"):
        inputs = decay.clone(), added.clone(), initial.clone()
        for value in inputs:
            value.requires_grad_()
        contexts, final = sequential(*inputs, mask, norm) if way == "loop" else scan(*inputs, mask)
        gradients = torch.autograd.grad(contexts.sin().sum() + final.cos().sum(), inputs)
        results[way] = (contexts, final, *gradients)
    for got, expected in zip(results["loop"], results["scan"], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_update_is_one_step_of_the_loop() -> None:
    decay, added, initial, _ = problem()
    for name in NORMS:
        norm = norm_at_random(name)
        contexts, _ = sequential(decay, added, initial, None, norm)
        assert torch.equal(update(initial, decay[:, 0], added[:, 0], norm), contexts[:, 0])


def test_where_each_norm_acts() -> None:
    context = torch.randn(3, CHANNELS).double()
    for name, writes, reads in (("none", False, False), ("write", True, False), ("read", False, True)):
        norm = norm_at_random(name)
        assert norm.writes == writes
        assert torch.equal(norm.write(context), context) != writes
        assert torch.equal(norm.read(context), context) != reads


def test_nan_stays_in_its_document() -> None:
    norm = norm_at_random("write")
    decay, added, initial, _ = problem()
    reset = torch.zeros(ROWS, LENGTH, dtype=torch.bool)
    reset[:, 10] = True
    added[:, 4] = torch.nan
    contexts, _ = sequential(decay, added, initial, reset, norm)
    assert contexts[:, 4:10].isnan().all()
    assert contexts[:, 10:].isfinite().all()


def test_unknown_norm_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"norm 'raed'.*did you mean 'read'"):
        build_norm("raed", CHANNELS)
