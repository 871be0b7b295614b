"""How well a model predicts: nats per token, perplexity, bits per byte."""

import dataclasses
import math
from collections.abc import Callable, Iterable

import numpy as np
import torch

from newllm.data import IGNORED, Batch, trim
from newllm.model.evaluation_mode import evaluation_mode
from newllm.model.language_model import LanguageModel
from newllm.training.loss import sum_nats
from newllm.training.precision import autocast


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Sums over a set of predictions.

    Args:
        nats: sum of -log p over all targets.
        tokens: number of targets.
        bytes: bytes of text that the targets stand for; None where the tokenizer loses bytes.
    """

    nats: float
    tokens: int
    bytes: int | None

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens

    @property
    def perplexity(self) -> float:
        """E to the loss; infinite past the range of a float."""
        return math.exp(self.loss) if self.loss < 700 else math.inf

    @property
    def bits_per_byte(self) -> float | None:
        """Bits that the model needs for one byte of text, None where bytes are lost."""
        return self.nats / math.log(2) / self.bytes if self.bytes else None


@torch.no_grad()
def evaluate(
    model: LanguageModel,
    batches: Iterable[Batch],
    token_bytes: np.ndarray | None,
    precision: str,
    predicted: Callable[[torch.Tensor, torch.Tensor], None] | None = None,
) -> Evaluation:
    """Evaluate on batches, each row from a fresh context.

    Args:
        model: the model; it is put into evaluation mode and back.
        batches: what to predict; at least one target.
        token_bytes: bytes of text a token stands for, or None where the tokenizer loses bytes.
        precision: "fp32" or "bf16".
        predicted: is told the logits `[B, T, V]` and the targets `[B, T]` of each batch.
    """
    nats, tokens, size = 0.0, 0, 0
    with evaluation_mode(model):
        for batch in map(trim, batches):
            targets = torch.from_numpy(batch.targets).to(model.device)
            with autocast(model.device, precision):
                logits, _ = model(*as_inputs(batch, model.device))
            nats += float(sum_nats(logits, targets, fused=model.fused))
            if predicted is not None:
                predicted(logits, targets)
            known = batch.targets[batch.targets != IGNORED]
            tokens += known.size
            size += 0 if token_bytes is None else int(token_bytes[known].sum())
    return Evaluation(nats, tokens, None if token_bytes is None else size)


def as_inputs(batch: Batch, device: torch.device) -> tuple[torch.Tensor, None, torch.Tensor | None]:
    """Return a batch as arguments of a model: tokens, no state, resets."""
    reset = None if batch.reset is None else torch.from_numpy(batch.reset).to(device)
    return torch.from_numpy(batch.inputs).to(device), None, reset
