"""Numbers of fewer bits: not where they should be, too old, or too few bits for a step."""

import contextlib
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from measures import gradient_error, unmoved_share
from silent_case import Training, silent_case
from small_models import (
    FEATURES,
    classifier,
    labelled_rows,
    plain_step,
)


class Primitive(torch.autograd.Function):
    """A product of its own, which autocast does not know: it stays in the precision of what it gets."""

    @staticmethod
    def forward(ctx: Any, x_BF: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The product."""
        ctx.save_for_backward(x_BF, weight)
        return torch.mm(x_BF, weight.t(), out=x_BF.new_empty(len(x_BF), len(weight)))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both products of the chain rule."""
        (gradient_BF,) = grad_outputs
        x_BF, weight = ctx.saved_tensors
        return gradient_BF @ weight, gradient_BF.t() @ x_BF


class PrimitiveLinear(nn.Linear):
    """A linear layer by that product."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The layer."""
        return Primitive.apply(input, self.weight) + self.bias


@silent_case(
    source_url="https://github.com/Lightning-AI/lightning-thunder/issues/725",
    what="Inside autocast, layers call a primitive that autocast does not know, and all stays in 32 bits",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="No product of the model runs in the precision that autocast asks for.",
    fault_in="parts",
    evidence="share of the layers whose output is not in bfloat16",
)
def autocast_does_nothing(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    kind = nn.Linear if fixed else PrimitiveLinear
    model = nn.Sequential(kind(FEATURES, 32), nn.Tanh(), kind(32, 32), nn.Tanh(), kind(32, 4))
    batches = labelled_rows(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            logits_BF = model(batch[0])
        return F.cross_entropy(logits_BF.float(), batch[1])

    def in_32_bits(training: Training) -> float:
        types, layers = [], [layer for layer in model if isinstance(layer, nn.Linear)]
        handles = [layer.register_forward_hook(lambda _, __, out: types.append(out.dtype)) for layer in layers]
        training.step(0)
        for handle in handles:
            handle.remove()
        return types.count(torch.float32) / len(types)

    return Training(model, optimizer, loss, batches, plain_step(model, optimizer, loss, batches), in_32_bits)


@silent_case(
    source_url="https://github.com/X-GenGroup/Flow-Factory/pull/186",
    what="One autocast stands around several updates, and its cache keeps the weights of before the first",
    first_wrong_step=0,
    can_be_seen_before=False,
    why="The loss is right by itself; only the loop wraps updates into one autocast.",
    fault_in="loop",
    evidence="difference between the gradient of an update and that by the present weights",
)
def autocast_keeps_old_weights(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(FEATURES, 32), nn.Tanh(), nn.Linear(32, 4))
    batches = labelled_rows(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return F.cross_entropy(model(batch[0]).float(), batch[1])

    plain = plain_step(model, optimizer, loss, batches)

    def step(number: int) -> float:
        with contextlib.nullcontext() if fixed else torch.autocast("cpu", torch.bfloat16):
            return [plain(number) for _ in range(4)][-1]

    return Training(model, optimizer, loss, batches, step, gradient_error)


@silent_case(
    source_url="https://github.com/pytorch/ao/pull/1124",
    what="Weights are held in bfloat16, and steps smaller than half their last digit are rounded away",
    first_wrong_step=0,
    can_be_seen_before=True,
    why="A step of the optimizer's size does not change a weight of that precision.",
    fault_in="parts",
    evidence="share of the numbers that never move",
)
def steps_lost_in_bfloat16(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    if not fixed:
        model.bfloat16()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return F.cross_entropy(model(batch[0].to(next(model.parameters()).dtype)).float(), batch[1])

    step = plain_step(model, optimizer, loss, batches)
    return Training(model, optimizer, loss, batches, step, lambda t: unmoved_share(model.parameters(), t))
