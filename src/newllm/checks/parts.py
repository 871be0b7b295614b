"""What a check is given of a training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Loss = Callable[[nn.Module, Any], Tensor]


@dataclass(frozen=True)
class Parts:
    """The four parts of a training step, and what else is at hand: each of these lets more be asked.

    Attributes:
        model: in the mode that it trains in.
        optimizer: over its parameters.
        loss: from model and batch to a tensor of one number.
        batch: of one update.
        loader: that gives the batches of the training.
        tokenizer: that made the tokens of the batch.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Loss
    batch: Any
    loader: Any = None
    tokenizer: Any = None
