"""The scan as one would write it on paper: a float64 loop, differentiated by autograd.

It is slow and judges the others.
"""

import torch
from torch import Tensor


def scan_reference(
    decay_BTC: Tensor, input_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return every context `[B, T, C]` and the last `[B, C]`, computed in float64, in the input's dtype."""
    context_BC = initial_BC.double()
    contexts = []
    for t in range(input_BTC.shape[1]):
        if reset_BT is not None:
            context_BC = torch.where(reset_BT[:, t, None], 0.0, context_BC)
        context_BC = decay_BTC[:, t].double() * context_BC + input_BTC[:, t].double()
        contexts.append(context_BC)
    contexts_BTC = torch.stack(contexts, dim=1).to(input_BTC.dtype)
    return contexts_BTC, contexts_BTC[:, -1]
