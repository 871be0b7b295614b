"""The gated rule's context over a sequence, from what its linear layers gave: no decay or input is ever written.

`context_t = sigmoid(-gate_t) * context_{t-1} + sigmoid(gate_t) * delta_t`. Its naive twin is the rule's `combine`
followed by the scan (`recurrence.rules.gated`). The context is float32 whatever it is made from.

Shapes: B rows, T positions, C channels.
"""

from typing import Any

import torch
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.memory import array, mask, new
from newllm.kernels.operators import Differentiable, Operator, like


def gated_scan(delta_BTC: Tensor, gate_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None) -> Tensor:
    """Return every context `[B, T, C]`.

    Args:
        delta_BTC: float32 or bfloat16, on the CPU (`fusing.should_fuse`).
        gate_BTC: before the sigmoid; of the same dtype.
        initial_BC: context before the first position, float32.
        reset_BT: True where a new document starts, or None.
    """
    return _gated_scan(delta_BTC, gate_BTC, initial_BC, reset_BT)


def _forward(delta: Tensor, gate: Tensor, initial: Tensor, reset: Tensor | None) -> Tensor:
    from newllm.kernels import loops  # numba is an extra, and slow to import

    contexts = new(delta, torch.float32)
    arrays = [array(tensor.contiguous()) for tensor in (delta, gate, initial)]
    jobs = threads.by_channels(*delta.shape)
    threads.run(loops.gated_scan, [*arrays, mask(reset), array(contexts)], jobs)
    return contexts


def _backward(
    gradient: Tensor, delta: Tensor, gate: Tensor, contexts: Tensor, initial: Tensor, reset: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    from newllm.kernels import loops

    into = new(delta), new(gate), new(initial)
    arrays = [array(tensor.contiguous()) for tensor in (gradient, delta, gate, contexts, initial)]
    jobs = threads.by_channels(*delta.shape)
    threads.run(loops.gated_scan_backward, [*arrays, mask(reset), *map(array, into)], jobs)
    return into


def _save(ctx: Any, inputs: tuple[Any, ...], contexts: Tensor) -> None:
    delta, gate, initial, reset = inputs
    ctx.save_for_backward(delta, gate, contexts, initial, reset)


_gated_scan = Differentiable(
    Operator(
        "gated_scan(Tensor delta, Tensor gate, Tensor initial, Tensor? reset) -> Tensor",
        _forward,
        fake=lambda delta, *_: new(delta, torch.float32),
    ),
    Operator(
        "gated_scan_backward(Tensor gradient, Tensor delta, Tensor gate, Tensor contexts, Tensor initial, "
        "Tensor? reset) -> (Tensor, Tensor, Tensor)",
        _backward,
        fake=like(1, 2, 4),
    ),
    _save,
    lambda ctx, backward, gradient: (*backward(gradient, *ctx.saved_tensors), None),
)
