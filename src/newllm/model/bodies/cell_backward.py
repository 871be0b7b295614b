"""The loop backwards of `cell_sequence`, and after it one product a layer for the gradients of the weights.

The step from delta, gates and context to the next context is element by element before a norm on write. So
its derivative is one slope an element, and one call of autograd over the whole sequence gives them all:
no rule needs a derivative written by hand. A norm is differentiated by autograd position by position.

Shapes: T positions, B rows, C context, S = hidden + gates * C.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from newllm.model.bodies.cell_forward import Activations, Step
from newllm.model.chain import Chain, Stage
from newllm.model.packed_linear import Product, packed_linear

_relu_backward = torch.ops.aten.threshold_backward.grad_input  # where the output is above 0, the gradient

ThroughLayers = Callable[[int], Tensor]
"""`through_layers(t)` fills the layers' gradients of a position and returns that of what was read, `[B, C]`."""


class Backward:
    """The loop backwards, and after it the products over all positions."""

    def __init__(
        self,
        step: Step,
        activations: Activations,
        context: Tensor,
        reset: Tensor | None,
        masks: Tensor | None,
        constant: Tensor | None,
        weights: Sequence[Tensor],
    ) -> None:
        self.step, self.activations, self.reset, self.masks, self.weights = step, activations, reset, masks, weights
        self.hidden = activations.hidden
        before = torch.cat([context[None], activations.contexts[:-1]])
        self.before = before if reset is None else before.masked_fill(reset, 0.0)
        leaves = [
            v.detach().requires_grad_() for v in (activations.delta, *step.gates(activations.source), self.before)
        ]
        self.constant = None if constant is None else constant.detach().requires_grad_()
        with torch.enable_grad():
            delta, *gates, last = leaves
            self.raw = step.next_raw(delta, gates, last, self.constant)
        # Element by element, so that the sum's gradients are the slopes of every element.
        self.slopes = torch.autograd.grad(self.raw, leaves, torch.ones_like(self.raw), retain_graph=True)
        self.d_source = torch.empty_like(activations.source)
        self.d_delta = torch.empty_like(activations.delta)
        first = self.d_source[..., : step.hidden]
        self.d_layers = [first, *(torch.empty_like(h) for h in self.hidden[1:])]
        self.places = [(d.unbind(0), h.unbind(0)) for d, h in zip(self.d_layers, self.hidden, strict=True)]
        self.d_raw = torch.empty_like(self.raw)
        self.d_normed = torch.empty_like(self.raw)  # of what the norm returned, where there is one

    def loop(self, d_hidden: Tensor | None, d_contexts: Tensor | None) -> tuple[Tensor, Tensor]:
        """Fill the gradients of pre-activations; return those of the tokens' part and of the first context."""
        norm, d_context = self.step.norm, torch.zeros_like(self.before[0])
        with (self._chained if self.step.is_chained else self._unchained)(d_hidden) as through_layers:
            for t in reversed(range(len(self.d_source))):
                if d_contexts is not None:
                    d_context = d_context + d_contexts[t]
                if norm.writes:
                    self.d_normed[t] = d_context
                    d_context = _vector_jacobian(norm.write, self.raw[t], d_context)
                self.d_raw[t] = d_context
                self._through_rule(t, d_context)
                d_read = through_layers(t).to(d_context.dtype)
                if norm.reads:
                    self.d_normed[t] = d_read
                    d_read = _vector_jacobian(norm.read, self.before[t], d_read)
                d_context = torch.addcmul(d_read, d_context, self.slopes[-1][t])
                if self.reset is not None:
                    d_context = d_context.masked_fill(self.reset[t], 0.0)
        return self.d_source, d_context

    def _through_rule(self, t: int, d_raw: Tensor) -> None:
        """Fill the gradients of delta and gates of one position."""
        targets = self.d_delta[t], *self.step.gates(self.d_source[t])
        for target, slope in zip(targets, self.slopes[:-1], strict=True):
            torch.mul(d_raw, slope[t], out=target)

    @contextmanager
    def _unchained(self, d_hidden: Tensor | None) -> Iterator[ThroughLayers]:
        length, rows, _ = self.d_source.shape
        pack = functools.partial(packed_linear, bias=None, rows=rows, products=length)
        to_read, *to_layers = [pack(w.t()) for w in self._matrices()]

        def through_layers(t: int) -> Tensor:
            self._through_layers(t, to_layers, None if d_hidden is None else d_hidden[t])
            return to_read(self.d_source[t])

        yield through_layers

    @contextmanager
    def _chained(self, d_hidden: Tensor | None) -> Iterator[ThroughLayers]:
        d_read = torch.empty_like(self.d_delta[0])
        with Chain(self._stages(d_hidden, d_read), range(len(self.d_source) - 1, -1, -1)) as chain:

            def through_layers(t: int) -> Tensor:
                chain(t)
                return d_read

            yield through_layers

    def _stages(self, d_hidden: Tensor | None, d_read: Tensor) -> list[Stage]:
        """Return the layers from the last to the first, and what is read, as stages of a chain."""
        to_read, *to_layers = [w.t() for w in self._matrices()]
        given, add, stages = self.d_delta, d_hidden, []
        for layer in reversed(range(self.step.layers)):
            mask = None if self.masks is None else self.masks[layer]
            output = self.d_layers[layer]
            stages.append(Stage(to_layers[layer], given, output, add, gate=self.hidden[layer], mask=mask))
            given, add = output, None
        return [*stages, Stage(to_read, self.d_source, d_read.expand_as(self.d_delta))]

    def _matrices(self) -> list[Tensor]:
        """Return the weights of what reads the context, of each later layer and of the delta."""
        return [self.weights[0], *(weight for weight, _ in self.step.linears(self.weights))]

    def _through_layers(self, t: int, to_layers: Sequence[Product], d_hidden: Tensor | None) -> None:
        """Fill the gradients of the layers' pre-activations of one position, from the last to the first."""
        gradient = self.d_delta[t]
        for layer in reversed(range(self.step.layers)):
            gradient, (targets, outputs) = to_layers[layer](gradient), self.places[layer]
            if d_hidden is not None and layer == self.step.layers - 1:
                gradient += d_hidden
            _relu_backward(gradient, outputs[t], 0.0, grad_input=targets[t])
            if self.masks is not None:
                targets[t].mul_(self.masks[layer, t])
            gradient = targets[t]

    def d_constant(self) -> Tensor:
        """Return the gradient of the rule's constant decay."""
        assert self.constant is not None
        return torch.autograd.grad(self.raw, self.constant, self.d_raw)[0]

    def d_weights(self) -> list[Tensor | None]:
        """Return the gradients of all weights: one product each."""
        outputs = [*self.d_layers[1:], self.d_delta]
        read = self.step.norm.read(self.before).to(self.d_source.dtype)
        gradients: list[Tensor | None] = [_outer(self.d_source, read)]
        for output, given in zip(outputs, self.hidden, strict=True):
            gradients += [_outer(output, given), output.sum(dim=(0, 1))]
        return gradients + self._d_norm_weights()

    def _d_norm_weights(self) -> list[Tensor | None]:
        norm, weights = self.step.norm, self.step.norm_weights(self.weights)
        trained = [weight for weight in weights if weight.requires_grad]
        if not trained:
            return [None] * len(weights)
        with torch.enable_grad():
            normed = norm.read(self.before) if norm.reads else norm.write(self.raw.detach())
        found = iter(torch.autograd.grad(normed, trained, self.d_normed))
        return [next(found) if weight.requires_grad else None for weight in weights]


def _vector_jacobian(function: Callable[[Tensor], Tensor], value: Tensor, gradient: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = value.detach().requires_grad_()
        return torch.autograd.grad(function(leaf), leaf, gradient)[0]


def _outer(d_output: Tensor, given: Tensor) -> Tensor:
    """Return the gradient of a weight, `[out, in]`, from those of its outputs and from its inputs."""
    return d_output.flatten(0, 1).t() @ given.flatten(0, 1)
