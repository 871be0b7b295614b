"""`cell_sequence` as an operator of torch (`kernels.operators`), for whatever captures operations.

An operator is given tensors, numbers and names: so rule and norm must be ones that have a name. Any other runs in the
cell's naive loop there.

Shapes: as in `cell_sequence`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from newllm.kernels.operators import Differentiable, Operator
from newllm.model.bodies.cell_backward import Backward
from newllm.model.bodies.cell_forward import Activations, Step, run_forwards
from newllm.model.chain import is_worth_chaining
from newllm.recurrence import NORMS, RULES, ContextNorm, Rule, build_norm, resolve_backend

_NORM_NAMES = {kind: name for name, kind in NORMS.items()}
_NAMES = "str rule, str norm, int layers, int hidden, str backend, "
_GIVEN = "Tensor context, Tensor? reset, Tensor? masks, Tensor? constant, Tensor[] weights"
_ANY_DEVICE = "CompositeExplicitAutograd"


def has_operator(rule: Rule, norm: ContextNorm) -> bool:
    """Return whether the operator can compute them: they are ones of ours, and nobody changed the rule."""
    return RULES.get(rule.name) is type(rule) and "combine" not in vars(rule) and type(norm) in _NORM_NAMES


def norm_name(norm: ContextNorm) -> str:
    """Return a norm's name."""
    return _NORM_NAMES[type(norm)]


def _step(rule: str, norm: str, layers: int, hidden: int, backend: str, token: Tensor, channels: int) -> Step:
    is_chained = is_worth_chaining(token) and resolve_backend(backend, token.device) == "numba"
    return Step(RULES[rule].combine, build_norm(norm, channels), channels, layers, hidden, is_chained)


def _with_norm(step: Step, weights: Sequence[Tensor]) -> list[Tensor]:
    """Put the norm's weights into it; return all weights, its own as its parameters."""
    own = step.norm_weights(weights)
    for (path, _), value in zip(list(step.norm.named_parameters()), own, strict=True):
        module, _, name = path.rpartition(".")
        setattr(step.norm.get_submodule(module), name, nn.Parameter(value.detach()))
    return [*weights[: len(weights) - len(own)], *step.norm.parameters()]


def _forward(
    rule: str,
    norm: str,
    layers: int,
    hidden: int,
    backend: str,
    token: Tensor,
    context: Tensor,
    reset: Tensor | None,
    masks: Tensor | None,
    constant: Tensor | None,
    weights: list[Tensor],
) -> tuple[Tensor, ...]:
    step = _step(rule, norm, layers, hidden, backend, token, context.shape[1])
    with torch.no_grad(), torch.autocast(token.device.type, enabled=False):
        return _results_first(run_forwards(step, token, context, reset, masks, constant, _with_norm(step, weights)))


def _results_first(activations: Activations) -> tuple[Tensor, ...]:
    source, delta, contexts, below, last = activations
    return last, contexts, source, delta, below


def _fake(rule: str, _norm: str, layers: int, hidden: int, _backend: str, *given: Any) -> tuple[Tensor, ...]:
    token, context, *_ = given
    step = Step(RULES[rule].combine, build_norm("none", 1), context.shape[1], layers, hidden, is_chained=False)
    return _results_first(Activations.empty(step, token, context))


def _backward(
    rule: str,
    norm: str,
    layers: int,
    hidden: int,
    backend: str,
    d_last: Tensor | None,
    d_contexts: Tensor | None,
    last: Tensor,
    contexts: Tensor,
    source: Tensor,
    delta: Tensor,
    below: Tensor,
    context: Tensor,
    reset: Tensor | None,
    masks: Tensor | None,
    constant: Tensor | None,
    weights: list[Tensor],
) -> tuple[Tensor, Tensor, Tensor, list[Tensor | None]]:
    step = _step(rule, norm, layers, hidden, backend, source, context.shape[1])
    with torch.autocast(source.device.type, enabled=False):
        activations = Activations(source, delta, contexts, below, last)
        back = Backward(step, activations, context, reset, masks, constant, _with_norm(step, weights))
        d_token, d_context = back.loop(d_last, d_contexts)
        d_constant = context.new_empty(0) if constant is None else back.d_constant()
        return d_token, d_context, d_constant, back.d_weights()


def _fake_backward(*given: Any) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    source, context, constant, weights = given[9], given[12], given[15], given[16]
    d_constant = context.new_empty(0) if constant is None else torch.empty_like(constant)
    return torch.empty_like(source), torch.empty_like(context), d_constant, list(map(torch.empty_like, weights))


def _save(ctx: Any, inputs: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> None:
    *ctx.names, _, context, reset, masks, constant, weights = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*outputs, context, reset, masks, constant, *weights)


def _formula(ctx: Any, backward: Any, d_last: Tensor | None, d_contexts: Tensor | None) -> tuple[Any, ...]:
    saved = ctx.saved_tensors
    constant, weights = saved[8], list(saved[9:])
    d_token, d_context, d_constant, d_weights = backward(*ctx.names, d_last, d_contexts, *saved[:9], weights)
    return *[None] * 5, d_token, d_context, None, None, None if constant is None else d_constant, d_weights


captured_cell = Differentiable(
    Operator(
        f"cell_sequence({_NAMES}Tensor token, {_GIVEN}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
        _forward,
        _fake,
        _ANY_DEVICE,
    ),
    Operator(
        f"cell_sequence_backward({_NAMES}Tensor? d_last, Tensor? d_contexts, Tensor last, Tensor contexts, "
        f"Tensor source, Tensor delta, Tensor below, {_GIVEN}) -> (Tensor, Tensor, Tensor, Tensor[])",
        _backward,
        _fake_backward,
        _ANY_DEVICE,
    ),
    _save,
    _formula,
    results=2,
)
"""`captured_cell(rule, norm, layers, hidden, backend, token, context, reset, masks, constant, weights)`."""
