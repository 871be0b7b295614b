"""Anyone's PyTorch training as a subject: three functions.

    build(seed) -> model, optimizer
    batch(step) -> anything
    loss(model, batch) -> a tensor of one number, nats

Each must depend on its arguments alone: `batch(step)` gives the same batch whenever it is asked, for every step from
0 on, also past the end of the original; chance inside `loss` (dropout) must come from torch's global generator,
which is seeded before every update.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from newllm.chance import stream_seed
from newllm.errors import UserError
from newllm.replay.replica import Replica, Update
from newllm.replay.setup import Setup
from newllm.replay.subject import Subject
from newllm.training.step import clip_norm


@dataclass(eq=False)
class Loop(Subject):
    """A training by three functions.

    Args:
        build: from a seed, which torch is seeded from too, to a fresh model in training mode and its optimizer.
        batch: from the number of an update, counted from 0, to what `loss` reads.
        loss: from model and batch to the loss, nats.
        steps: updates of the original.
        seed: given to `build`, and seeds torch before every update.
        clip: largest Euclidean norm of the gradient; 0 clips nothing.
        rate: from the step to the learning rate; None leaves what the optimizer has.
        probe: a batch of its own for the progress; None takes `batch(0)`.
        validate: from the model to losses by name ("validation", ...), or None.
    """

    build: Callable[[int], tuple[nn.Module, torch.optim.Optimizer]]
    batch: Callable[[int], Any]
    loss: Callable[[nn.Module, Any], Tensor]
    steps: int
    seed: int = 0
    clip: float = 0.0
    rate: Callable[[int], float] | None = None
    probe: Any = None
    validate: Callable[[nn.Module], Mapping[str, float]] | None = None

    def make(self, setup: Setup) -> "LoopReplica":
        """Build model and optimizer anew."""
        return LoopReplica(self, setup)


class LoopReplica(Replica):
    """Anyone's training at one step.

    Args:
        loop: its functions.
        setup: its seed and its batches.
    """

    def __init__(self, loop: Loop, setup: Setup) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(stream_seed(setup.seed, "initialisation"))
            self.model, self.optimizer = loop.build(setup.seed)
        self.model.train()
        self.rate, self.clip = loop.rate, clip_norm(loop.clip)
        self.seen: list[int] = []
        self._loop, self._seed = loop, setup.seed
        self._fetch = setup.fetch(loop.batch, self.seen)
        self._probe = loop.batch(0) if loop.probe is None else loop.probe

    def update(self, step: int) -> Update:
        """Do one update; one that is not finite changes no weight."""
        torch.manual_seed(stream_seed(self._seed, "dropout", step))
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loop.loss(self.model, self._fetch(step))
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise UserError(f"loss(model, batch) gave {type(loss).__name__}: it must be a tensor of one number")
        value = float(loss.detach())
        norm = math.nan
        if math.isfinite(value):
            loss.backward()
            norm = self.clip(self.model.parameters())
        if math.isfinite(norm):
            if self.rate is not None:
                for group in self.optimizer.param_groups:
                    group["lr"] = self.rate(step)
            self.optimizer.step()
        return Update(value, norm, math.isfinite(value) and math.isfinite(norm))

    @torch.no_grad()
    def probe(self) -> float:
        """Return the loss on the probe batch."""
        self.model.eval()
        value = float(self._loop.loss(self.model, self._probe))
        self.model.train()
        return value

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """Return what `validate` gives."""
        if self._loop.validate is None:
            return {}
        self.model.eval()
        found = dict(self._loop.validate(self.model))
        self.model.train()
        return found
