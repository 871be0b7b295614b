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
        step: one whole step of the training's own loop, from a batch.
        evaluate: from model and batch to the loss, as the evaluation computes it.
        is_taken: whether it is the step of a trainer, which puts the model into evaluation mode before it.
        validation: a batch of the evaluation.
        scheduler: of the learning rate.
        steps: updates that the training will make.
        every: updates between two steps of the scheduler, where it is known.
        per_epoch: whether they are epochs.
        epoch: updates of an epoch, where it is known.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Loss
    batch: Any
    loader: Any = None
    tokenizer: Any = None
    step: Callable[[Any], Any] | None = None
    evaluate: Callable[[Any, Any], Any] | None = None
    is_taken: bool = False
    validation: Any = None
    scheduler: Any = None
    steps: int | None = None
    every: int | None = None
    per_epoch: bool = False
    epoch: int | None = None
