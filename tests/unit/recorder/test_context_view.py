"""What is drawn of a context is the context: against the model stepped token by token, and its own derivative."""

from collections.abc import Callable

import pytest
import torch

from newllm.model.bodies import State
from newllm.model.bodies.cell import Cell
from newllm.model.language_model import LanguageModel
from newllm.recorder import ContextView
from newllm.recurrence.rules.gated import Gated
from newllm.recurrence.rules.lstm import LSTMGates

TOKENS = [3, 1, 4, 1, 5, 9, 2, 6]
BODIES = [
    {"body": "stack"},
    {"body": "stack", "rule": "lstm", "norm": "read"},
    {"body": "stack", "rule": "dual", "norm": "write"},
    {"body": "stack", "rule": "ema", "learn_decay": True},
    {"body": "stack", "rule": "delta,gated"},  # of vectors alone
    {"body": "zero-stack"},
    {"body": "cell"},
    {"body": "cell", "rule": "additive", "norm": "write", "fnn": "residual"},
    {"body": "cell", "rule": "lstm", "norm": "read"},
    {"body": "zero-cell"},
    {"body": "lstm"},
]


def named(shape: dict[str, object]) -> str:
    return "-".join(map(str, shape.values()))


@torch.no_grad()
def stepped(model: LanguageModel, tokens: list[int]) -> list[State]:
    """The states before the first token, and after each."""
    states: list[State] = [model.initial_state(1)]
    for token in tokens:
        states.append(model.step(torch.tensor([token]), states[-1])[1])
    return states


def test_matrices_are_counted_and_not_looked_at(build: Callable[..., LanguageModel]) -> None:
    model = build(body="stack", rule="delta,gated").eval()
    view, state = ContextView(model), model.initial_state(1)
    assert view.layers == ("block 2",)
    assert view.matrix_numbers == state["0.context"].numel()
    assert ContextView(build(body="stack", rule="delta").eval()).layers == ()


@pytest.mark.parametrize("shape", BODIES, ids=named)
def test_every_context_is_that_of_the_model_read_token_by_token(
    build: Callable[..., LanguageModel], shape: dict[str, object]
) -> None:
    model = build(**shape).eval()
    view, states = ContextView(model), stepped(model, TOKENS)
    assert view.layers
    passage = view.look(TOKENS[2:], states[2])
    for layer in range(len(view.layers)):
        wanted_TC = torch.stack([view.contexts(state)[layer] for state in states[3:]])
        assert wanted_TC.shape[1] == view.channels
        torch.testing.assert_close(passage.contexts[layer], wanted_TC)


@pytest.mark.parametrize("shape", [shape for shape in BODIES if shape.get("norm") != "write"], ids=named)
def test_a_decay_is_the_share_of_the_context_before_that_is_in_the_one_after(
    build: Callable[..., LanguageModel], shape: dict[str, object]
) -> None:
    """Only where the context is not fed back is that the derivative of the step; a cell's is compared by its rule."""
    model = build(**shape).eval()
    view, state = ContextView(model), stepped(model, TOKENS)[-1]
    decays = view.look([7], state).decays
    for layer in range(len(view.layers)):
        if shape["body"] in ("cell", "zero-cell"):
            wanted_C = decay_of_cell(model, state, 7)
        else:
            wanted_C = derivative(model, view, state, layer)
        torch.testing.assert_close(decays[layer][0], wanted_C, atol=1e-6, rtol=1e-6)


@torch.no_grad()
def derivative(model: LanguageModel, view: ContextView, state: State, layer: int) -> torch.Tensor:
    """How the context of one layer moves when it was a little more before."""
    moved = {name: value.clone() for name, value in state.items()}
    view.contexts(moved)[layer].add_(1e-4)  # a view of the copy
    after, before = (view.contexts(model.step(torch.tensor([7]), one)[1])[layer] for one in (moved, state))
    return (after - before) / 1e-4


@torch.no_grad()
def decay_of_cell(model: LanguageModel, state: State, token: int) -> torch.Tensor:
    cell = model.body
    assert isinstance(cell, Cell)
    assert isinstance(cell.rule, Gated | LSTMGates)
    context_1C = state["context"]
    seen_1C = torch.zeros_like(context_1C) if model.config.body == "zero-cell" else cell.norm.read(context_1C)
    source_1S = torch.cat([model.embedding(torch.tensor([token])), seen_1C], dim=-1)
    if isinstance(cell.rule, LSTMGates):
        return torch.sigmoid(cell.rule.forget(source_1S))[0]
    return torch.sigmoid(-cell.rule.gate(source_1S))[0]


def test_an_additive_context_keeps_all_and_the_control_nothing(build: Callable[..., LanguageModel]) -> None:
    for shape, kept in (({"body": "cell", "rule": "additive"}, 1.0), ({"body": "zero-stack"}, 0.0)):
        model = build(**shape).eval()
        decays = ContextView(model).look(TOKENS, model.initial_state(1)).decays
        assert all(bool((decay_TC == kept).all()) for decay_TC in decays)


def test_attention_has_no_context_and_says_so(build: Callable[..., LanguageModel]) -> None:
    view = ContextView(build(body="attention").eval())
    assert (view.layers, view.channels) == ((), 0)


def test_looking_leaves_no_hook_and_changes_no_state(build: Callable[..., LanguageModel]) -> None:
    model = build(body="stack").eval()
    state = stepped(model, TOKENS)[-1]
    kept = {name: value.clone() for name, value in state.items()}
    ContextView(model).look(TOKENS, state)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(state[name], value) for name, value in kept.items())
