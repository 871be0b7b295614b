"""A rule with a changed decay: no path passes the change by, the compiled and fused ones neither."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from newllm.model.bodies.cell import Cell
from newllm.model.bodies.stack import ContextMixer
from newllm.model.chain.chain import FEWEST_POSITIONS
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recurrence import RULES, build_rule, change_decay, update

SMALL: dict[str, Any] = {"vocabulary": 11, "width": 5, "hidden": 7, "layers": 2, "context": 6, "window": 8}


def at_most(highest: float) -> Callable[[Tensor], Tensor]:
    return lambda decay: decay.clamp(max=highest)


@pytest.mark.parametrize("name", RULES)
def test_the_decay_is_bounded_and_the_input_stays(name: str) -> None:
    rule = build_rule(name, 5, 7, 6)
    features, source = torch.randn(40, 5), 9 * torch.randn(40, 7)
    decay, added = rule(features, source)
    change_decay(rule, at_most(0.5))
    bounded, same = rule(features, source)
    assert decay.max() > 0.5
    torch.testing.assert_close(bounded, decay.clamp(max=0.5), rtol=0, atol=0)
    torch.testing.assert_close(same, added, rtol=0, atol=0)


def test_it_is_that_rule_alone_that_changes() -> None:
    rule, other = build_rule("additive", 5, 7, 6), build_rule("additive", 5, 7, 6)
    change_decay(rule, at_most(0.5))
    assert other(torch.randn(2, 5), torch.randn(2, 7))[0].eq(1).all()


def trained(cell: Cell, run: Callable, x: Tensor, context: Tensor) -> list[Tensor]:
    hidden, state = run(x, {"context": context}, torch.zeros(x.shape[:2], dtype=torch.long), None)
    loss = hidden.square().sum() + state["context"].square().sum()
    return [hidden, state["context"], *torch.autograd.grad(loss, list(cell.parameters()))]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("factor", [0.5, 1.1])
def test_the_fused_cell_is_its_loop_and_not_what_it_was(name: str, factor: float, backend: str) -> None:
    cell = Cell(ModelConfig(rule=name, **SMALL)).double()
    cell.scan_backend = backend
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.copy_(0.4 * torch.randn_like(parameter))
    x, context = torch.randn(4, 9, 5).double(), torch.randn(4, 6).double()
    before = trained(cell, cell.forward, x, context)
    change_decay(cell.rule, lambda decay: decay * factor)
    fast, naive = trained(cell, cell.forward, x, context), trained(cell, cell.forward_naive, x, context)
    for one, other in zip(fast, naive, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)
    assert not torch.allclose(fast[1], before[1])


def test_compiled_layers_know_of_it(backend: str) -> None:
    model = LanguageModel(ModelConfig(body="cell", rule="additive", **SMALL))
    model.use_scan(backend)
    tokens = torch.randint(11, (4, FEWEST_POSITIONS))
    _, before = model(tokens)
    assert isinstance(model.body, Cell)
    change_decay(model.body.rule, lambda decay: 0.0 * decay)
    _, state = model(tokens)
    x, positions, _ = model.embed(tokens, model.initial_state(4))
    _, expected = model.body.forward_naive(x, model.initial_state(4), positions, None)
    torch.testing.assert_close(state["context"], expected["context"], rtol=1e-4, atol=1e-7)
    assert not torch.allclose(state["context"], before["context"], rtol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rule", ["additive", "gated"])
def test_the_stacks_scan_knows_of_it(rule: str, dtype: torch.dtype, backend: str) -> None:
    model = LanguageModel(ModelConfig(body="stack", rule=rule, **(SMALL | {"layers": 1}))).to(dtype)
    model.use_scan(backend)
    (mixer,) = (one for one in model.modules() if isinstance(one, ContextMixer))
    change_decay(mixer.rule, at_most(0.25))
    x = torch.randn(3, 9, 5).to(dtype)
    decay, added = mixer.rule(x, x)
    assert (decay <= 0.25).all()
    contexts, _ = mixer.recur(x, torch.zeros(3, 6, dtype=dtype), None)
    context = torch.zeros(3, 6, dtype=dtype)
    for t in range(9):
        context = update(context, decay[:, t], added[:, t], mixer.norm)
        torch.testing.assert_close(contexts[:, t], context)
