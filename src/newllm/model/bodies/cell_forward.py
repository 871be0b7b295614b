"""The loop forwards of `cell_sequence`: no graph, every layer's output kept in one tensor for all positions.

Shapes: L layers, T positions, B rows, C context, H hidden, S = H + gates * C.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from newllm.model.packed_linear import packed_linear
from newllm.recurrence import ContextNorm, Rule, full_precision


class Step(NamedTuple):
    """The cell without its tensors, and how they lie in those that are passed on."""

    rule: Rule
    norm: ContextNorm
    layers: int
    hidden: int

    def gates(self, source: Tensor) -> list[Tensor]:
        """Return the gates' parts of `[..., S]`, each `[..., C]`."""
        gates = source[..., self.hidden :]
        return list(gates.split(self.rule.channels, dim=-1)) if gates.shape[-1] else []

    def linears(self, weights: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Return weight and bias of the layers after the first, and of the delta."""
        flat = weights[1 : 1 + 2 * self.layers]
        return list(zip(flat[::2], flat[1::2], strict=True))

    def norm_weights(self, weights: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the norm's own."""
        return weights[1 + 2 * self.layers :]

    def next_raw(self, delta: Tensor, gates: Sequence[Tensor], context: Tensor, constant: Tensor | None) -> Tensor:
        """Return the next context before any norm."""
        delta, gates = full_precision(delta), [full_precision(gate) for gate in gates]
        decay, added = self.rule.combine(delta, gates, constant)
        return decay * context + added


class Kept(NamedTuple):
    """What the loop forwards keeps of every position."""

    source: Tensor  # pre-activations of the first layer and of the gates, [T, B, S]
    delta: Tensor  # [T, B, C]
    contexts: Tensor  # [T, B, C]
    hidden: list[Tensor]  # L times [T, B, H]


def run_forwards(
    step: Step,
    token: Tensor,
    context: Tensor,
    reset: Tensor | None,
    masks: Tensor | None,
    constant: Tensor | None,
    weights: Sequence[Tensor],
) -> Kept:
    """Run all positions.

    Args:
        step: what is no tensor.
        token: what the tokens alone give to the first layer and the gates, with their biases, `[T, B, S]`.
        context: before the first position, `[B, C]`.
        reset: True where the context starts anew, `[T, B, 1]`, or None.
        masks: dropout masks, `[L, T, B, H]`, or None.
        constant: the rule's constant decay, or None.
        weights: the context's part of the first layer and the gates `[S, C]`; weight and bias of each later
            layer and of the delta; the norm's own.
    """
    length, rows, _ = token.shape
    pack = functools.partial(packed_linear, rows=rows, products=length)
    read, (*layers, form_delta) = pack(weights[0], None), [pack(*linear) for linear in step.linears(weights)]
    hidden = [token.new_empty(length, rows, step.hidden) for _ in range(step.layers)]
    source, delta = torch.empty_like(token), token.new_empty(length, *context.shape)
    contexts = context.new_empty(length, *context.shape)
    places = [output.unbind(0) for output in hidden]  # cheaper than an index at every position
    for t in range(length):
        if reset is not None:
            context = context.masked_fill(reset[t], 0.0)
        torch.add(token[t], read(step.norm.read(context).to(token.dtype)), out=source[t])
        below = source[t, :, : step.hidden]
        for layer in range(step.layers):
            above = places[layer][t]
            torch.clamp_min(below if layer == 0 else layers[layer - 1](below), 0.0, out=above)
            if masks is not None:
                above.mul_(masks[layer, t])
            below = above
        delta[t] = form_delta(below)
        raw = step.next_raw(delta[t], step.gates(source[t]), context, constant)
        context = contexts[t] = step.norm.write(raw)
    return Kept(source, delta, contexts, hidden)
