"""How well a model predicts: nats per token, perplexity, bits per byte."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from newllm.data import IGNORED, Batch, trim
from newllm.model.evaluation_mode import evaluation_mode
from newllm.model.language_model import LanguageModel
from newllm.training.loss import sum_nats
from newllm.training.precision import autocast
from newllm.training.world import World


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


class OfBatch(NamedTuple):
    """What an evaluation takes from one batch.

    Attributes:
        nats: sum of -log p over its targets.
        tokens: number of targets.
        bytes: of text that they stand for; 0 where nobody knows.
        seen: what else is kept of it.
    """

    nats: float
    tokens: int
    bytes: int
    seen: Any


def evaluate(
    model: LanguageModel,
    batches: Iterable[Batch],
    token_bytes: np.ndarray | None,
    precision: str,
    keep: Callable[[torch.Tensor, torch.Tensor], Any] | None = None,
    take: Callable[[Any], None] | None = None,
    world: World | None = None,
) -> Evaluation:
    """Evaluate on batches, each row from a fresh context; several processes compute every so-manieth batch each.

    No batch depends on another, and what comes of them is added up in their order by the process that leads: the bits
    do not tell how many computed. What the others return is of no batch.

    Args:
        model: the model; it is put into evaluation mode and back.
        batches: what to predict; at least one target.
        token_bytes: bytes of text a token stands for, or None where the tokenizer loses bytes.
        precision: "fp32" or "bf16".
        keep: from the logits `[B, T, V]` and the targets `[B, T]` of a batch to what else is kept of it, as data.
        take: is given that of each batch, in their order, in the process that leads.
        world: the processes that evaluate together; None for this one alone.
    """

    @torch.no_grad()
    def computed(batch: Batch) -> OfBatch:
        batch = trim(batch)
        targets = torch.from_numpy(batch.targets).to(model.device)
        with autocast(model.device, precision):
            logits, _ = model(*as_inputs(batch, model.device))
        nats = float(sum_nats(logits, targets, fused=model.fused))
        seen = None if keep is None else keep(logits, targets)
        known = batch.targets[batch.targets != IGNORED]
        return OfBatch(nats, known.size, 0 if token_bytes is None else int(token_bytes[known].sum()), seen)

    nats, tokens, size = 0.0, 0, 0
    with evaluation_mode(model):
        for one in (world or World()).each(batches, computed):
            nats += one.nats
            tokens += one.tokens
            size += one.bytes
            if take is not None:
                take(one.seen)
    return Evaluation(nats, tokens, None if token_bytes is None else size)


def as_inputs(batch: Batch, device: torch.device) -> tuple[torch.Tensor, None, torch.Tensor | None]:
    """Return a batch as arguments of a model: tokens, no state, resets."""
    reset = None if batch.reset is None else torch.from_numpy(batch.reset).to(device)
    return torch.from_numpy(batch.inputs).to(device), None, reset
