"""The step that every body shares, and the loop over it for where the step is not linear.

Shapes: B rows, T positions, C channels.
"""

import torch
from torch import Tensor

from newllm.kernels.operators import run_loop
from newllm.recurrence.norms import ContextNorm


def update(context_BC: Tensor, decay_BC: Tensor, input_BC: Tensor, norm: ContextNorm) -> Tensor:
    """Return the next context, `norm.write(decay * context + input)`.

    Args:
        context_BC: the context before this position.
        decay_BC: how much of it stays, element by element.
        input_BC: what is added.
        norm: the context norm; one that only reads leaves the step linear.
    """
    return norm.write(decay_BC * context_BC + input_BC)


def sequential(
    decay_BTC: Tensor, input_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None, norm: ContextNorm
) -> tuple[Tensor, Tensor]:
    """Run `update` position after position: the only way when the norm is on write.

    Args:
        decay_BTC: decay of each position.
        input_BTC: input of each position.
        initial_BC: context before the first position.
        reset_BT: True where the context starts anew at zero, or None.
        norm: the context norm.

    Returns:
        Every context `[B, T, C]` and the last one `[B, C]`.
    """
    given = decay_BTC, input_BTC, initial_BC, reset_BT, norm
    length = decay_BTC.shape[1]
    return _positions(*given) if length == 1 else run_loop(_positions, length, *given)


def _positions(
    decay_BTC: Tensor, input_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None, norm: ContextNorm
) -> tuple[Tensor, Tensor]:
    context_BC = initial_BC
    # Unbound first: indexing `decay[:, t]` under autograd costs a full-size gradient a position.
    resets = [None] * decay_BTC.shape[1] if reset_BT is None else list(reset_BT.unbind(1))
    contexts = []
    for decay_BC, input_BC, reset_B in zip(decay_BTC.unbind(1), input_BTC.unbind(1), resets, strict=True):
        if reset_B is not None:
            context_BC = context_BC.masked_fill(reset_B[:, None], 0.0)
        context_BC = update(context_BC, decay_BC, input_BC, norm)
        contexts.append(context_BC)
    return torch.stack(contexts, dim=1), context_BC


def contexts_before(contexts_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None) -> Tensor:
    """Return the context before each position, `[B, T, C]`.

    Args:
        contexts_BTC: the context after each position.
        initial_BC: context before the first position.
        reset_BT: True where the context starts anew at zero, or None.
    """
    before_BTC = torch.cat([initial_BC[:, None], contexts_BTC[:, :-1]], dim=1)
    return before_BTC if reset_BT is None else before_BTC.masked_fill(reset_BT[..., None], 0.0)
