"""The gated rule's context over a sequence, from what its linear layers gave: no decay or input is ever written.

`context_t = sigmoid(-gate_t) * context_{t-1} + sigmoid(gate_t) * delta_t`. Its naive twin is the rule's `combine`
followed by the scan (`recurrence.rules.gated`). The context is float32 whatever it is made from.

Shapes: B rows, T positions, C channels.
"""

from typing import Any

import torch
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.memory import array


def gated_scan(delta_BTC: Tensor, gate_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None) -> Tensor:
    """Return every context `[B, T, C]`.

    Args:
        delta_BTC: float32 or bfloat16, on the CPU (`fusing.should_fuse`).
        gate_BTC: before the sigmoid; of the same dtype.
        initial_BC: context before the first position, float32.
        reset_BT: True where a new document starts, or None.
    """
    return _GatedScan.apply(delta_BTC, gate_BTC, initial_BC, reset_BT)


class _GatedScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, delta: Tensor, gate: Tensor, initial: Tensor, reset: Tensor | None) -> Tensor:
        from newllm.kernels import loops  # numba is an extra, and slow to import

        delta, gate, initial = delta.contiguous(), gate.contiguous(), initial.contiguous()
        reset = torch.empty((0, 0), dtype=torch.bool) if reset is None else reset.contiguous()
        contexts = torch.empty_like(delta, dtype=torch.float32)
        arrays = [array(tensor) for tensor in (delta, gate, initial, reset, contexts)]
        threads.run(loops.gated_scan, arrays, threads.by_channels(*delta.shape))
        ctx.save_for_backward(delta, gate, contexts, initial, reset)
        return contexts

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        from newllm.kernels import loops

        delta, gate, contexts, initial, reset = ctx.saved_tensors
        into = torch.empty_like(delta), torch.empty_like(gate), torch.empty_like(initial)
        tensors = (gradient.contiguous(), delta, gate, contexts, initial, reset, *into)
        jobs = threads.by_channels(*delta.shape)
        threads.run(loops.gated_scan_backward, [array(tensor) for tensor in tensors], jobs)
        return (*into, None)
