"""One training step, the same function for every model: forward, loss, backward, clipping, fused AdamW.

The parts are those of `newllm train`, and every model has them: the fused loss, clipping of the whole gradient at 1.0,
the optimizer, memory that the C library keeps from step to step. Weights and optimizer are in fp32, and in bf16 the
forward pass runs under autocast.
"""

import math

import torch
from torch import nn

from contenders.fit import VOCABULARY
from contenders.trained import logits_of
from newllm.training.allocator import keep_freed_memory
from newllm.training.config import OptimizerConfig
from newllm.training.loss import sum_nats
from newllm.training.optimizer import build_optimizer
from newllm.training.precision import autocast
from newllm.training.step import clip_norm


class TrainingJob:
    """A model with its optimizer. Calling it does one step on random bytes and keeps the loss.

    Args:
        model: maps tokens `[B, T]` to logits, alone or first in a tuple.
        rows: B.
        length: T.
        precision: "fp32" or "bf16".
    """

    def __init__(self, model: nn.Module, rows: int, length: int, precision: str) -> None:
        keep_freed_memory()
        self.model, self.precision = model.train(), precision
        self.optimizer = build_optimizer(model, OptimizerConfig(learning_rate=1e-4))
        self.clip = clip_norm(1.0)
        chance = torch.Generator().manual_seed(length)
        self.tokens = torch.randint(VOCABULARY - 1, (rows, length + 1), generator=chance)
        self.loss = math.nan

    def __call__(self) -> None:
        """Do one step."""
        inputs_BT, targets_BT = self.tokens[:, :-1], self.tokens[:, 1:]
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(inputs_BT.device, self.precision):
            logits = logits_of(self.model(inputs_BT))
        loss = sum_nats(logits, targets_BT, consume=True) / targets_BT.numel()
        loss.backward()
        if math.isfinite(self.clip(self.model.parameters())):
            self.optimizer.step()
        self.loss = loss.item()
