"""One update of the weights: loss, gradient, clipping, optimizer."""

import dataclasses
import functools
import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from newllm.chance import stream_seed
from newllm.data import IGNORED, Batch, Batches, part_of, rows_of, trim
from newllm.model.bodies import State
from newllm.model.context_summary import ContextSummary
from newllm.model.language_model import LanguageModel, fresh_rows
from newllm.training.allocator import keep_freed_memory
from newllm.training.config import RunConfig
from newllm.training.context_watch import ContextWatch
from newllm.training.environment import seed_torch
from newllm.training.evaluation import as_inputs
from newllm.training.loss import sum_nats
from newllm.training.optimizer import optimizer_tensors
from newllm.training.peers import unlike_on
from newllm.training.precision import autocast
from newllm.training.schedule import Schedule
from newllm.training.sequence import SharedRows
from newllm.training.sharding import add_up_after, gradient_norm, own_part
from newllm.training.world import World, add_up

Clip = Callable[[Iterable[nn.Parameter]], float]
"""Changes gradients in place before an update and returns their Euclidean norm as it was."""

Term = Callable[[Tensor, Tensor], Tensor]
"""From logits `[B, T, V]` and targets `[B, T]` to nats, summed, that are trained on beside the loss."""

BatchHook = Callable[[Tensor, Tensor, Tensor], None]
"""Looks at the logits `[B, T, V]`, targets `[B, T]` and summed nats of a batch that is trained on."""


@dataclasses.dataclass(frozen=True)
class OwnPart:
    """What this process computed of an update, before anything was added up over the processes.

    Args:
        loss: of its rows, nats per token.
        gradient_norm: of the gradient of that loss, before clipping.
    """

    loss: float
    gradient_norm: float


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
        seconds: that each process computed for, waiting for no other, by rank.
        own: this process's part; None where it computed all, shares its rows, or has no targets.
        drawn: digest of the whole batches, of which each process computes a part, as this one drew them; None if alone.
    """

    step: int
    loss: float
    gradient_norm: float
    learning_rate: float
    context: ContextSummary | None
    tokens: int
    seconds: tuple[float, ...] = ()
    own: OwnPart | None = None
    drawn: int | None = None

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
        world: the processes that do them together; None for this one alone.

    Attributes:
        carried: the context that is carried on, of the rows that this process computes; None where none is.
        schedule: what is decided of the learning rate and the number of steps; decisions may be added to it.
        rate: learning rate of the update that leads from a step to the next; the schedule's.
        clip: what is done to gradients before an update; the configuration's clipping.
        terms: what is trained on beside the loss; never reported. A replay adds to them.
        on_batch: is shown each batch (of several ranks the first one's part) between its forward and its backward
            pass; nothing looks by itself.
        after_first_part: is called before the parts of further ranks, where this process computes those too.
    """

    def __init__(
        self,
        model: LanguageModel,
        optimizer: torch.optim.Optimizer,
        batches: Batches,
        config: RunConfig,
        world: World | None = None,
    ) -> None:
        self.model, self.optimizer, self.batches, self.config = model, optimizer, batches, config
        self.world = world or World()
        self._levels = bool(unlike_on(self.world.unlike, config.numerics.device))
        keep_freed_memory()
        self.carried: State | None = None
        self.watch = ContextWatch(model)
        self.schedule = Schedule(config)
        self.rate: Callable[[int], float] = self.schedule.rate
        self.clip: Clip = clip_norm(config.optimizer.clip)
        self.terms: list[Term] = []
        self.on_batch: BatchHook = lambda *_: None
        self.after_first_part: Callable[[], None] = lambda: None

    def update(self, step: int) -> StepReport:
        """Do the update that leads from `step` to `step + 1`.

        A loss or a gradient that is not finite changes no weight.
        """
        began = time.perf_counter() - self.world.waited()
        rate, ranks = self.rate(step), self.config.numerics.ranks_at(step)
        self.world.updates(step, rate)
        batches = [trim(self.batches.batch(i)) for i in self._batch_indices(step)]
        tokens = sum(int((batch.targets != IGNORED).sum()) for batch in batches)
        nats, contexts = self._passes(step, ranks, batches, tokens)
        own = self._own(ranks, batches, nats, tokens) if self.world.size > 1 and self._pieces_at(step) == 1 else None
        drawn = functools.reduce(lambda before, one: one.digest(before), batches, 0) if self.world.size > 1 else None
        at_the_end = () if contexts is None or self._pieces_at(step) == 1 else dataclasses.astuple(contexts)
        by_rank = self.world.gather([*nats, *at_the_end, time.perf_counter() - self.world.waited() - began])
        seconds = tuple(row.pop() for row in by_rank)
        if at_the_end:
            numbers = [[row.pop() for _ in at_the_end][::-1] for row in by_rank]
            contexts = ContextSummary(*numbers[min(self.world.size, self._pieces_at(step)) - 1])
        loss = 0.0
        for one in itertools.chain.from_iterable(by_rank):
            loss += one / tokens
        norm = math.nan
        if math.isfinite(loss):
            self.world.add_gradients(self.model.parameters())
            norm = self._apply(rate)
        return StepReport(step + 1, loss, norm, rate, contexts, tokens, seconds, own, drawn)

    def _own(self, ranks: int, batches: Sequence[Batch], nats: Sequence[float], tokens: int) -> OwnPart | None:
        """Return the loss of this process's part, and the norm of its gradient, of which it has only its share yet."""
        (part,) = self.world.parts(ranks)
        targets = sum(int((part_of(batch, part, ranks).targets != IGNORED).sum()) for batch in batches)
        norm = self.world.own_gradient_norm(self.model.parameters())
        if not targets:
            return None
        return OwnPart(sum(nats) / targets, norm * tokens / targets)

    def whole_carried(self) -> State | None:
        """Return the carried context of all rows; a process that does not lead gets None."""
        return self.world.rows_of_all(self.carried)

    def carry(self, whole: State | None) -> None:
        """Put back what `whole_carried` gave the leader."""
        size, pieces = self.world.size, self.config.parallel.sequence
        parts = self.world.parts(size)
        if len(parts) < size and whole:
            part, piece = divmod(parts[0], pieces)
            whole = _rows(whole, part, size // pieces)
            whole = whole if piece == 0 else {name: value[:0] for name, value in whole.items()}
        self.carried = whole

    def _batch_indices(self, step: int) -> range:
        accumulate = self.config.training.accumulate
        return range(step * accumulate, (step + 1) * accumulate)

    def _pieces_at(self, step: int) -> int:
        return self.config.numerics.sequence_at(step)

    def _passes(
        self, step: int, ranks: int, batches: Sequence[Batch], tokens: int
    ) -> tuple[list[float], ContextSummary | None]:
        """Compute the parts of the batches that are this process's; return each one's nats, and the first's contexts.

        The gradients are then summed over these parts. Where rows are cut, the contexts are those at their ends.
        """
        if self._pieces_at(step) > 1:
            return self._passes_of_pieces(step, ranks, batches, tokens)
        parts, parameters = self.world.parts(ranks), list(self.model.parameters())
        nats: list[float] = []
        states: list[State | None] = []
        contexts = None
        for part in parts:
            before = [parameter.grad for parameter in parameters] if nats else []
            self.optimizer.zero_grad(set_to_none=True)
            seed_torch(stream_seed(self.config.seed, "dropout", step, *([part] if part else [])))
            state = _rows(self.carried, part, ranks) if self.carried and len(parts) > 1 else self.carried
            for batch in batches:
                own = part_of(batch, part, ranks) if ranks > 1 else batch
                watched = part == parts[0]
                if self.world.sharded:
                    add_up_after(self.model, last=batch is batches[-1])
                loss, state, summary = self._pass(own, state, tokens, watched=watched)
                contexts = summary if watched else contexts
                nats.append(loss)
            states.append(state)
            if before:
                add_up(before, parameters)
            elif len(parts) > 1:
                self.after_first_part()
        if batches[-1].fresh is not None:
            self.carried = states[0] if len(states) == 1 else _joined(states)
        return nats, contexts

    def _passes_of_pieces(
        self, step: int, ranks: int, batches: Sequence[Batch], tokens: int
    ) -> tuple[list[float], ContextSummary | None]:
        """Do as `_passes` where several parts have the same rows (`newllm.training.sequence`)."""
        pieces, parts = self._pieces_at(step), self.world.parts(ranks)
        together, of_rows = min(pieces, len(parts)), ranks // pieces
        nats: dict[int, list[float]] = {part: [] for part in parts}
        states: list[State | None] = []
        contexts: ContextSummary | None = None
        gradients: list[Tensor | None] = [None for _ in self.model.parameters()]
        for first in parts[::together]:
            own = range(first, first + together)
            shared = SharedRows(self.world, self.model, own, pieces, self.config.numerics.handover)
            state = _rows(self.carried, first // pieces, of_rows) if self.carried and len(parts) > 1 else self.carried
            for number, batch in enumerate(batches):
                rows, after, losses = part_of(batch, first // pieces, of_rows), {}, {}
                for part in own:
                    seed_torch(stream_seed(self.config.seed, "dropout", step, *_address(part, number)))
                    with shared.reading(part, rows, state) as (piece, before):
                        losses[part], more, after = self._nats(piece, before, watched=part == parts[0])
                    at_the_end = self.watch.summary(piece, after)
                    contexts = at_the_end if first == parts[0] else contexts
                    nats[part].append(losses[part].item())
                    losses[part] = losses[part] if more is None else losses[part] + more
                    self.after_first_part()
                for part in reversed(own):
                    with shared.gradients_of(part):
                        (losses[part] / tokens).backward()
                if batch.fresh is not None:
                    state = shared.carried(after)
            shared.add_up(gradients)
            gradients = [parameter.grad for parameter in self.model.parameters()]
            states.append(state)
        self.world.delivered()
        if batches[-1].fresh is not None:
            self.carried = states[0] if len(states) == 1 else _joined(states)
        return list(itertools.chain.from_iterable(nats.values())), contexts

    def _pass(
        self, batch: Batch, state: State | None, tokens: int, *, watched: bool
    ) -> tuple[float, State, ContextSummary | None]:
        """Do a forward and a backward pass; return the nats of the batch, the state after it, and its contexts."""
        nats, more, after = self._nats(batch, state, watched=watched)
        contexts = self.watch.summary(batch, after)
        ((nats if more is None else nats + more) / tokens).backward()
        return nats.item(), after, contexts

    def _nats(self, batch: Batch, before: State | None, *, watched: bool) -> tuple[Tensor, Tensor | None, State]:
        """Return a batch's nats, those of the further terms if there are any, and the state after it."""
        device = self.model.device
        tokens, _, reset = as_inputs(batch, device)
        state = None
        if batch.fresh is not None:
            state = before or self.model.initial_state(len(batch.inputs))
            state = fresh_rows(state, torch.from_numpy(batch.fresh).to(device))
        with autocast(device, self.config.numerics.precision):
            logits, state = self.model(tokens, state, reset)
        state = {name: value.detach() for name, value in state.items()}
        targets = torch.from_numpy(batch.targets).to(device)
        more = torch.stack([term(logits, targets) for term in self.terms]).sum() if self.terms else None
        nats = sum_nats(logits, targets, fused=self.model.fused, consume=not self.terms)
        if watched:
            self.on_batch(logits.detach(), targets, nats.detach())
        return nats, more, state

    def _apply(self, rate: float) -> float:
        """Clip and update; return the gradient's norm before clipping."""
        with self.world.meeting("gradients"):
            norm = self.clip(self.model.parameters())
        if self._levels:
            norm = self._leaders(norm)
        if math.isfinite(norm):
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            with self.world.meeting("gradients"):  # a remedy may look at whole tensors
                self.optimizer.step()
        if self._levels:
            moments = optimizer_tensors(self.model, self.optimizer).values()
            self.world.level([*self.model.parameters(), *moments])
        return norm

    def _leaders(self, number: float) -> float:
        shared = torch.tensor([number], dtype=torch.float64)
        self.world.level([shared])
        return float(shared)


def clip_norm(largest: float) -> Clip:
    """Return the clipping of the whole gradient at a Euclidean norm; 0 clips nothing."""

    def clip(parameters: Iterable[nn.Parameter]) -> float:
        parameters = list(parameters)
        norm = gradient_norm(parameters)
        if largest and not norm + 1e-6 <= largest:  # where torch multiplies by less than 1, or by NaN
            torch.nn.utils.clip_grads_with_norm_(list(map(own_part, parameters)), largest, norm)
        return float(norm)

    return clip


def _rows(state: State, part: int, parts: int) -> State:
    """Return the rows of a state that a part of a batch goes on from."""
    return {name: value[rows_of(len(value), part, parts)] for name, value in state.items()}


def _address(part: int, number: int) -> tuple[int, ...]:
    """Return what tells the dropout of a part and of one of several batches from the others of an update."""
    return (part, number) if number else (part,) if part else ()


def _joined(states: Sequence[State | None]) -> State:
    """Return the rows of all parts, in their order."""
    each = [state for state in states if state is not None]
    return {name: torch.cat([state[name] for state in each]) for name in each[0]}
