"""One update of the weights: loss, gradient, clipping, optimizer."""

import dataclasses
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from newllm.chance import stream_seed
from newllm.data import IGNORED, Batch, Batches, trim
from newllm.model.bodies import State
from newllm.model.context_summary import ContextSummary
from newllm.model.language_model import LanguageModel, fresh_rows
from newllm.training.allocator import keep_freed_memory
from newllm.training.config import RunConfig
from newllm.training.context_watch import ContextWatch
from newllm.training.environment import seed_torch
from newllm.training.evaluation import as_inputs
from newllm.training.loss import sum_nats
from newllm.training.precision import autocast
from newllm.training.schedule import Schedule

Clip = Callable[[Iterable[nn.Parameter]], float]
"""Changes gradients in place before an update and returns their Euclidean norm as it was."""

Term = Callable[[Tensor, Tensor], Tensor]
"""From logits `[B, T, V]` and targets `[B, T]` to nats, summed, that are trained on beside the loss."""

BatchHook = Callable[[Tensor, Tensor, Tensor], None]
"""Looks at the logits `[B, T, V]`, targets `[B, T]` and summed nats of a batch that is trained on."""


@dataclasses.dataclass(frozen=True)
class StepReport:
    """What one update was like.

    Args:
        step: updates done, this one included.
        loss: training loss before the update, nats per token.
        gradient_norm: before clipping.
        learning_rate: of this update.
        context: mean, standard deviation and norm of the contexts after each row's last real token, or None.
        tokens: targets in this update.
    """

    step: int
    loss: float
    gradient_norm: float
    learning_rate: float
    context: ContextSummary | None
    tokens: int

    @property
    def finite(self) -> bool:
        """Whether loss and gradient are numbers that training can go on from."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm)


class Stepper:
    """Does updates; keeps the context that is carried from window to window, if one is.

    Args:
        model: the model.
        optimizer: its optimizer.
        batches: batch of each step.
        config: the resolved run.

    Attributes:
        schedule: what is decided of the learning rate and the number of steps; decisions may be added to it.
        rate: learning rate of the update that leads from a step to the next; the schedule's.
        clip: what is done to gradients before an update; the configuration's clipping.
        terms: what is trained on beside the loss; never reported. A replay adds to them.
        on_batch: is shown each batch between its forward and its backward pass; nothing looks by itself.
    """

    def __init__(
        self, model: LanguageModel, optimizer: torch.optim.Optimizer, batches: Batches, config: RunConfig
    ) -> None:
        self.model, self.optimizer, self.batches, self.config = model, optimizer, batches, config
        keep_freed_memory()
        self.carried: State | None = None
        self.watch = ContextWatch(model)
        self.schedule = Schedule(config)
        self.rate: Callable[[int], float] = self.schedule.rate
        self.clip: Clip = clip_norm(config.optimizer.clip)
        self.terms: list[Term] = []
        self.on_batch: BatchHook = lambda *_: None

    def update(self, step: int) -> StepReport:
        """Do the update that leads from `step` to `step + 1`.

        A loss or a gradient that is not finite changes no weight.
        """
        micro = [trim(self.batches.batch(i)) for i in self._batch_indices(step)]
        tokens = sum(int((batch.targets != IGNORED).sum()) for batch in micro)
        seed_torch(stream_seed(self.config.seed, "dropout", step))
        self.optimizer.zero_grad(set_to_none=True)
        loss, contexts = 0.0, None
        for batch in micro:
            nats, more, state = self._nats(batch)
            contexts = self.watch.summary(batch, state)
            ((nats if more is None else nats + more) / tokens).backward()
            loss += nats.item() / tokens
        rate = self.rate(step)
        norm = self._apply(rate) if math.isfinite(loss) else math.nan
        return StepReport(step + 1, loss, norm, rate, contexts, tokens)

    def _batch_indices(self, step: int) -> range:
        accumulate = self.config.training.accumulate
        return range(step * accumulate, (step + 1) * accumulate)

    def _nats(self, batch: Batch) -> tuple[Tensor, Tensor | None, State]:
        """Return a batch's nats, those of the further terms if there are any, and the state after it."""
        device = self.model.device
        tokens, _, reset = as_inputs(batch, device)
        state = None
        if batch.fresh is not None:
            state = self.carried or self.model.initial_state(len(batch.inputs))
            state = fresh_rows(state, torch.from_numpy(batch.fresh).to(device))
        with autocast(device, self.config.numerics.precision):
            logits, state = self.model(tokens, state, reset)
        state = {name: value.detach() for name, value in state.items()}
        if batch.fresh is not None:
            self.carried = state
        targets = torch.from_numpy(batch.targets).to(device)
        more = torch.stack([term(logits, targets) for term in self.terms]).sum() if self.terms else None
        nats = sum_nats(logits, targets, fused=self.model.fused, consume=not self.terms)
        self.on_batch(logits.detach(), targets, nats.detach())
        return nats, more, state

    def _apply(self, rate: float) -> float:
        """Clip and update; return the gradient's norm before clipping."""
        norm = self.clip(self.model.parameters())
        if math.isfinite(norm):
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
        return norm


def clip_norm(largest: float) -> Clip:
    """Return the clipping of the whole gradient at a Euclidean norm; 0 clips nothing."""

    def clip(parameters: Iterable[nn.Parameter]) -> float:
        parameters = list(parameters)
        norm = torch.nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])
        if largest and not norm + 1e-6 <= largest:  # where torch multiplies by less than 1, or by NaN
            torch.nn.utils.clip_grads_with_norm_(parameters, largest, norm)
        return float(norm)

    return clip
