"""A gradient that goes back over one update only: the values stay, and every path agrees on the gradient."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from newllm.model.bodies.cell import Cell, ZeroContextCell
from newllm.model.bodies.stack import ContextMixer
from newllm.model.chain.chain import FEWEST_POSITIONS
from newllm.model.config import NORM_NAMES, ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recurrence import sequential, update

SMALL: dict[str, Any] = {"vocabulary": 11, "width": 5, "hidden": 7, "layers": 3, "context": 6, "window": 8}


def at_random(module: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    return module


def gradients(cell: Cell, run: Callable, x: Tensor, context: Tensor, reset: Tensor | None) -> dict[str, Tensor]:
    """Return outputs, and gradients of a loss on both of them, by name."""
    x, context = x.clone().requires_grad_(), context.clone().requires_grad_()
    torch.manual_seed(3)  # of the dropout masks
    hidden, state = run(x, {"context": context}, torch.zeros(x.shape[:2], dtype=torch.long), reset)
    weights = torch.linspace(-1, 1.5, hidden.numel(), dtype=hidden.dtype).view(hidden.shape)
    wanted = {"x": x, "context": context, **dict(cell.named_parameters())}
    loss = (hidden * weights).sum() + state["context"].sum()
    found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    given = {name: torch.zeros_like(wanted[name]) if g is None else g for name, g in zip(wanted, found, strict=True)}
    return {"hidden": hidden, "last": state["context"], **given}


def cell_of(norm: str = "none", fnn: str = "plain", rule: str = "additive", kind: type[Cell] = Cell) -> Cell:
    cell = kind(ModelConfig(body="cell", rule=rule, norm=norm, fnn=fnn, dropout=0.2, **SMALL)).double()
    at_random(cell)
    return cell


@pytest.mark.parametrize("fnn", ["plain", "residual"])
@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize("rule", ["additive", "gated"])
def test_the_cell_at_once_is_the_loop(rule: str, norm: str, fnn: str) -> None:
    cell = cell_of(norm, fnn, rule)
    x, context = torch.randn(4, 9, 5).double(), torch.randn(4, 6).double()
    reset = torch.rand(4, 9) < 0.2
    reset[0, 0] = True
    for given in (None, reset):
        cell.through_time = True
        whole = gradients(cell, cell.forward, x, context, given)
        cell.through_time = False
        fast, naive = (gradients(cell, run, x, context, given) for run in (cell.forward, cell.forward_naive))
        for name in whole:
            torch.testing.assert_close(fast[name], naive[name], rtol=1e-9, atol=1e-9, msg=name)
        torch.testing.assert_close(fast["hidden"], whole["hidden"])
        torch.testing.assert_close(fast["last"], whole["last"])
        assert not torch.allclose(fast["rule.delta.weight"], whole["rule.delta.weight"])
        assert fast["rule.delta.weight"].any()  # the rule still learns


def test_a_position_reaches_the_token_before_it_and_no_further() -> None:
    for body, rule in itertools.product(("cell", "stack"), ("additive", "lstm")):
        model = LanguageModel(ModelConfig(body=body, rule=rule, **(SMALL | {"layers": 1}))).double()
        at_random(model)
        for name, parameter in model.named_parameters():
            if "convolution" in name:
                torch.nn.init.zeros_(parameter)
        x = torch.randn(1, 6, 5).double().requires_grad_()
        (part,) = (one for one in model.modules() if isinstance(one, Cell | ContextMixer))
        reached = []
        for through_time in (True, False):
            part.through_time = through_time
            features, _ = model.body(x, model.body.initial_state(1, x.device), torch.arange(6)[None], None)
            (gradient,) = torch.autograd.grad(features[0, -1].square().sum(), x)
            reached.append(gradient[0].abs().sum(dim=-1).gt(0).tolist())
        assert all(reached[0]), (body, rule)
        assert reached[1] == [False] * 4 + [body == "cell", True], (body, rule)


@pytest.mark.parametrize("norm", NORM_NAMES)
def test_the_stack_at_once_is_a_loop_over_detached_contexts(norm: str, backend: str) -> None:
    mixer = ContextMixer(ModelConfig(norm=norm, **SMALL), "gated").double()
    at_random(mixer)
    mixer.scan_backend, mixer.through_time = backend, False
    x = torch.rand(3, 7, mixer.gate.in_features).double().requires_grad_()
    leaves = [x, *mixer.rule.parameters()]
    start, reset = torch.randn(3, 6).double(), torch.rand(3, 7) < 0.3
    contexts, last = mixer.recur(x, start, reset)
    decay, added = mixer.rule(x, x)
    expected, context = [], start
    for t in range(7):
        context = context.detach().masked_fill(reset[:, t, None], 0.0)
        context = update(context, decay[:, t], added[:, t], mixer.norm)
        expected.append(context)
    torch.testing.assert_close(contexts, torch.stack(expected, dim=1))
    torch.testing.assert_close(last, context)
    weights = torch.randn_like(contexts)
    got = torch.autograd.grad((contexts * weights).sum(), leaves)
    wanted = torch.autograd.grad((torch.stack(expected, dim=1) * weights).sum(), leaves)
    torch.testing.assert_close(got, wanted)
    whole, _ = sequential(decay, added, start, reset, mixer.norm)
    torch.testing.assert_close(whole, contexts)


def test_one_position_of_the_stack_is_cut_too() -> None:
    mixer = ContextMixer(ModelConfig(**SMALL), "gated")
    context = torch.randn(2, 6, requires_grad=True)
    for through_time in (True, False):
        mixer.through_time = through_time
        after, _ = mixer.recur(torch.rand(2, 1, mixer.gate.in_features), context, None)
        (found,) = torch.autograd.grad(after.sum(), context, allow_unused=True)
        assert (found is not None) is through_time


def test_the_control_is_its_loop() -> None:
    cell = cell_of(kind=ZeroContextCell)
    cell.through_time = False
    x, context = torch.randn(4, 9, 5).double(), torch.randn(4, 6).double()
    fast, naive = (gradients(cell, run, x, context, None) for run in (cell.forward, cell.forward_naive))
    for name in naive:
        torch.testing.assert_close(fast[name], naive[name], rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("fnn", ["plain", "residual"])
def test_every_weight_has_its_gradient_in_half_precision_and_where_layers_are_compiled(fnn: str) -> None:
    model = LanguageModel(ModelConfig(body="cell", rule="gated", fnn=fnn, **SMALL))
    at_random(model)
    assert isinstance(model.body, Cell)
    model.body.through_time = False
    tokens = torch.randint(11, (4, FEWEST_POSITIONS))
    for half in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            logits, _ = model(tokens)
        logits.float().square().mean().backward()
        assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
