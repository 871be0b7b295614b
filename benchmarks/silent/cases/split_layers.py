"""One layer split between two processes, and a layer that both have."""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from measures import gap_after_training
from silent_case import Training, silent_case
from small_models import FEATURES, classification_loss, labelled_rows


class SumBackward(torch.autograd.Function):
    """The same forwards, a sum over the ranks backwards."""

    @staticmethod
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        """What comes in."""
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        """The sum of what comes back."""
        gradient = grad_outputs[0].clone()
        dist.all_reduce(gradient)
        return gradient


class SumForward(torch.autograd.Function):
    """A sum over the ranks forwards, the same backwards."""

    @staticmethod
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        """The sum of what comes in."""
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        """What comes back."""
        return grad_outputs[0]


class Split(nn.Module):
    """A norm that every rank has, and a network of which each rank has half the hidden numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(FEATURES)
        chance_state = torch.get_rng_state()
        torch.manual_seed(100 + dist.get_rank())
        self.inside, self.outside = nn.Linear(FEATURES, 16), nn.Linear(16, 4, bias=False)
        torch.set_rng_state(chance_state)

    def forward(self, x_BF: torch.Tensor) -> torch.Tensor:
        """Logits, the same on all ranks."""
        hidden_BF = self.inside(SumBackward.apply(self.norm(x_BF))).tanh()
        return SumForward.apply(self.outside(hidden_BF))


@silent_case(
    source_url="https://github.com/microsoft/DeepSpeed/pull/1801",
    what="With split layers, each rank clips by a norm of its own, and the weights that all have come to differ",
    first_wrong_step="between ranks",
    can_be_seen_before=False,
    why="Gradients are right; only the loop clips them.",
    fault_in="loop",
    evidence="gap between the weights of the norm that both ranks have, relative to the way that they went",
    processes=2,
)
def clipped_by_each_rank(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = Split(), labelled_rows(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

    def norm_of_all() -> torch.Tensor:
        squares = torch.zeros(1)
        for name, p in model.named_parameters():
            everywhere = name.startswith("norm.")
            assert p.grad is not None
            if not everywhere or dist.get_rank() == 0:
                squares += p.grad.square().sum()
        if fixed:
            dist.all_reduce(squares)
        return squares.sqrt()

    def step(number: int) -> float:
        optimizer.zero_grad()
        value = F.cross_entropy(model(batches(number)[0]), batches(number)[1])
        value.backward()
        factor = (0.1 / norm_of_all()).clamp_max(1)
        for p in model.parameters():
            assert p.grad is not None
            p.grad.mul_(factor)
        optimizer.step()
        return value.item()

    return Training(
        model, optimizer, classification_loss, batches, step, lambda t: gap_after_training(model.norm.parameters(), t)
    )
