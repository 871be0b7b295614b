"""The cell over a whole sequence as one autograd function: `Cell.forward_naive`, in a half of the time.

Only what feeds back stays in the loop. The tokens' part of the first layer and of the gates is one product
over all positions, outside (ordinary autograd). The loop forwards keeps every layer's output; the loop
backwards computes gradients of pre-activations and contexts only, and the gradients of the weights are one
product a layer over all positions after it. Where numba is there the layers of a position are one compiled call
(`model.chain`); else the same takes two thirds of the time.

Limits: the FNN must be `model.fnn.FNN` (another runs in the naive loop, see `Cell._run`); no module is called,
so that no forward hook sees its layers; no second derivatives and no forward mode (the naive twin has both).

Shapes: L layers, T positions, B rows, D token width, C context, H hidden, S = H + gates * C.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels.operators import is_captured
from newllm.model.bodies.cell_backward import Backward
from newllm.model.bodies.cell_forward import Activations, Step, run_forwards
from newllm.model.bodies.cell_operator import captured_cell, norm_name
from newllm.model.chain import is_worth_chaining
from newllm.model.fnn import FNN
from newllm.recurrence import ContextNorm, Rule, full_precision, resolve_backend


def cell_sequence(
    fnn: FNN,
    rule: Rule,
    norm: ContextNorm,
    x_BTD: Tensor,
    context_BC: Tensor,
    reset_BT: Tensor | None,
    masks_LTBH: Tensor | None,
    scan_backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Run the cell `hidden = fnn([x ; norm.read(context)])`, `context = update(context, *rule(hidden, source), norm)`.

    Under autocast the products run in its dtype; contexts are float32, or float64 if the weights are.

    Args:
        fnn: reads `[token ; context]`.
        rule: its delta reads the hidden layer, its gates `[token ; context]`.
        norm: the context norm.
        x_BTD: embedded tokens.
        context_BC: before the first position.
        reset_BT: True where the context starts anew at zero, or None.
        masks_LTBH: dropout masks from `fnn.draw_masks`, or None.
        scan_backend: where it is "numba", or "auto" that comes to it, the layers may run compiled.

    Returns:
        The last layer `[B, T, H]` and every context `[B, T, C]`, differentiable once.
    """
    first, *later = fnn.linears
    readers = [first, *rule.gates]
    weight_SX = torch.cat([linear.weight for linear in readers])
    token_weight, context_weight = weight_SX.split([x_BTD.shape[2], rule.channels], dim=1)
    token_TBS = F.linear(x_BTD.transpose(0, 1), token_weight, torch.cat([linear.bias for linear in readers]))
    dtype = token_TBS.dtype
    weights = [p.to(dtype) for linear in (*later, rule.delta) for p in (linear.weight, linear.bias)]
    sequences = (
        token_TBS,
        full_precision(context_BC).contiguous(),
        None if reset_BT is None else reset_BT.t()[..., None],
        None if masks_LTBH is None else masks_LTBH.to(dtype),
        rule.constant(),
    )
    weights = [context_weight.to(dtype), *weights, *norm.parameters()]
    if is_captured(token_TBS):
        shape = rule.name, norm_name(norm), len(fnn.linears), first.out_features, scan_backend
        hidden_TBH, contexts_TBC = captured_cell(*shape, *sequences, weights)
    else:
        is_chained = is_worth_chaining(token_TBS) and resolve_backend(scan_backend, token_TBS.device) == "numba"
        step = Step(rule.combine, norm, rule.channels, len(fnn.linears), first.out_features, is_chained)
        hidden_TBH, contexts_TBC = _CellSequence.apply(step, *sequences, *weights)
    return hidden_TBH.transpose(0, 1), contexts_TBC.transpose(0, 1)


class _CellSequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        step: Step,
        token: Tensor,
        context: Tensor,
        reset: Tensor | None,
        masks: Tensor | None,
        constant: Tensor | None,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(token.device.type, enabled=False):
            activations = run_forwards(step, token, context, reset, masks, constant, weights)
        ctx.step = step
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(context, reset, masks, constant, *activations, *weights)
        return activations.last, activations.contexts

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_hidden: Tensor | None, d_contexts: Tensor | None) -> tuple[Any, ...]:  # type: ignore[override]
        context, reset, masks, constant, *rest = ctx.saved_tensors
        activations, weights = Activations(*rest[:5]), rest[5:]
        with torch.autocast(context.device.type, enabled=False):
            back = Backward(ctx.step, activations, context, reset, masks, constant, weights)
            d_token, d_context = back.loop(d_hidden, d_contexts)
            needed = ctx.needs_input_grad
            d_constant = back.d_constant() if needed[5] else None
            d_weights = back.d_weights() if any(needed[6:]) else [None] * len(weights)
        return None, d_token, d_context, None, None, d_constant, *d_weights
