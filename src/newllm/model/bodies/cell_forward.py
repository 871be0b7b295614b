"""The loop forwards of `cell_sequence`: no graph, every layer's output kept in one tensor for all positions.

The layers of a position run one after another in torch, or as one compiled call (`model.chain`); what the rule
and the norm do between two positions is torch in both.

Shapes: L layers, T positions, B rows, C context, H hidden, S = H + gates * C.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Self

import torch
from torch import Tensor

from newllm.kernels.memory import new
from newllm.model.chain import Chain, Stage
from newllm.model.packed_linear import packed_linear
from newllm.recurrence import ContextNorm, full_precision

Combine = Callable[[Tensor, Sequence[Tensor], Tensor | None], tuple[Tensor, Tensor]]
"""`combine(delta, gates, constant)`, as a rule has it."""


class Step(NamedTuple):
    """The cell without its tensors, and how they lie in those that are passed on."""

    combine: Combine
    norm: ContextNorm
    channels: int
    layers: int
    hidden: int
    is_chained: bool  # whether the layers of a position run as one compiled call

    def gates(self, source: Tensor) -> list[Tensor]:
        """Return the gates' parts of `[..., S]`, each `[..., C]`."""
        gates = source[..., self.hidden :]
        return list(gates.split(self.channels, dim=-1)) if gates.shape[-1] else []

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
        decay, added = self.combine(delta, gates, constant)
        return decay * context + added


class Activations(NamedTuple):
    """What the loop forwards keeps of every position."""

    source: Tensor  # pre-activations of the gates, after room for the first layer's, [T, B, S]
    delta: Tensor  # [T, B, C]
    contexts: Tensor  # [T, B, C]
    below: Tensor  # outputs of all layers but the last, [L - 1, T, B, H]
    last: Tensor  # [T, B, H]

    @classmethod
    def empty(cls, step: Step, token: Tensor, context: Tensor) -> Self:
        """Return room for them."""
        length, rows, _ = token.shape
        below = token.new_empty(step.layers - 1, length, rows, step.hidden)
        delta, contexts = token.new_empty(length, *context.shape), context.new_empty(length, *context.shape)
        return cls(new(token), delta, contexts, below, token.new_empty(length, rows, step.hidden))

    @property
    def hidden(self) -> list[Tensor]:
        """Every layer's outputs, L times `[T, B, H]`."""
        return [*self.below.unbind(0), self.last]


def run_forwards(
    step: Step,
    token: Tensor,
    context: Tensor,
    reset: Tensor | None,
    masks: Tensor | None,
    constant: Tensor | None,
    weights: Sequence[Tensor],
) -> Activations:
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
    activations = Activations.empty(step, token, context)
    with (_chained if step.is_chained else _unchained)(step, activations, token, masks, weights) as through_layers:
        for t in range(len(token)):
            if reset is not None:
                context = context.masked_fill(reset[t], 0.0)
            through_layers(t, step.norm.read(context))
            raw = step.next_raw(activations.delta[t], step.gates(activations.source[t]), context, constant)
            context = activations.contexts[t] = step.norm.write(raw)
    return activations


ThroughLayers = Callable[[int, Tensor], None]
"""`through_layers(t, read [B, C])` fills layers, gates and delta of a position, given what is read of its context."""


@contextmanager
def _unchained(
    step: Step, activations: Activations, token: Tensor, masks: Tensor | None, weights: Sequence[Tensor]
) -> Iterator[ThroughLayers]:
    length, rows, _ = token.shape
    pack = functools.partial(packed_linear, rows=rows, products=length)
    read, (*layers, form_delta) = pack(weights[0], None), [pack(*linear) for linear in step.linears(weights)]
    places = [output.unbind(0) for output in activations.hidden]  # cheaper than an index at every position

    def through_layers(t: int, context: Tensor) -> None:
        torch.add(token[t], read(context.to(token.dtype)), out=activations.source[t])
        below = activations.source[t, :, : step.hidden]
        for layer in range(step.layers):
            above = places[layer][t]
            torch.clamp_min(below if layer == 0 else layers[layer - 1](below), 0.0, out=above)
            if masks is not None:
                above.mul_(masks[layer, t])
            below = above
        activations.delta[t] = form_delta(below)

    yield through_layers


@contextmanager
def _chained(
    step: Step, activations: Activations, token: Tensor, masks: Tensor | None, weights: Sequence[Tensor]
) -> Iterator[ThroughLayers]:
    read = torch.empty_like(activations.delta[0])
    with Chain(_stages(step, activations, read, token, masks, weights), range(len(token))) as chain:

        def through_layers(t: int, context: Tensor) -> None:
            read.copy_(context)
            chain(t)

        yield through_layers


def _stages(
    step: Step, activations: Activations, read: Tensor, token: Tensor, masks: Tensor | None, weights: Sequence[Tensor]
) -> list[Stage]:
    """Return the gates, the layers and the delta as stages of a chain."""
    width, given = step.hidden, read.expand_as(activations.delta)
    stages = []
    if token.shape[2] > width:
        stages.append(Stage(weights[0][width:], given, activations.source[..., width:], token[..., width:]))
    linears = [(weights[0][:width], token[..., :width]), *step.linears(weights)]
    for layer, (output, (weight, add)) in enumerate(
        zip((*activations.hidden, activations.delta), linears, strict=True)
    ):
        is_delta = layer == step.layers
        mask = None if masks is None or is_delta else masks[layer]
        stages.append(Stage(weight, given, output, add, relu=not is_delta, mask=mask))
        given = output
    return stages
