"""Anyone's PyTorch training as a subject: three functions.

    build(seed) -> model, optimizer; or model, optimizer, scheduler, stepped after each update
    batch(step) -> anything
    loss(model, batch) -> a tensor of one number, nats; or several in turn, by `yield`, whose sum is the loss

Each must depend on its arguments alone: `batch(step)` gives the same batch whenever it is asked, for every step from
0 on, also past the end of the original; chance inside `loss` (dropout) must come from torch's global generator,
which is seeded before every update. The reproduction refuses a training of which that is not true, and says where.

Limits: one process, one optimizer, no optimizer that wants a closure (LBFGS), no loss scaler.
"""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from newllm.chance import stream_seed
from newllm.errors import UserError
from newllm.messages import Message
from newllm.model.evaluation_mode import evaluation_mode
from newllm.replays.interventions.remedies import put_in_force
from newllm.replays.replica.optimization import Optimization, describe_optimization
from newllm.replays.replica.replica import Replica, State, Update
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject
from newllm.replays.subjects.loop_state import check_built, optimizer_state, put_optimizer_state
from newllm.replays.subjects.schedule import RateTable
from newllm.training.environment import seed_torch
from newllm.training.step import clip_norm

_OPTIONAL = ("rate", "validate", "before_update")


@dataclass(eq=False)
class Loop(Subject):
    """A training by three functions.

    Args:
        build: from a seed, which torch is seeded from too, to a fresh model in training mode and its optimizer. A
            learning rate scheduler may be a third: it takes one step after each update.
        batch: from the number of an update, counted from 0, to what `loss` reads.
        loss: from model and batch to the loss, nats. A function that yields gives parts of it (micro-batches): each is
            propagated backwards before the next is computed, so that memory holds one at a time.
        steps: updates of the original.
        seed: given to `build`, and seeds torch before every update.
        clip: largest Euclidean norm of the gradient; 0 clips nothing.
        rate: from the step to the learning rate, or to a list of them, one for each parameter group; None leaves what
            the optimizer has, or what the scheduler makes of it. A change of the rate changes the highest, and all
            others in proportion.
        probe: a batch of its own for the progress; None takes `batch(0)`.
        validate: from the model, in evaluation mode, to losses by name ("validation", "validation/NAME"), or None; it
            changes nothing.
        before_update: called with model, optimizer and step before each update: for what `loss` reads beside the batch,
            what a schedule sets in the optimizer beside the rate, and whatever else the loop does between updates. What
            it remembers has to be a buffer of the model: a replay puts back model and optimizer, and nothing else.
        notices: what a person should know of this training before it is replayed.

    Raises:
        UserError: a function is none, or there is no step.
    """

    build: Callable[[int], tuple[Any, ...]]
    batch: Callable[[int], Any]
    loss: Callable[[nn.Module, Any], Any]
    steps: int
    seed: int = 0
    clip: float = 0.0
    rate: Callable[[int], float | Sequence[float]] | None = None
    probe: Any = None
    validate: Callable[[nn.Module], Mapping[str, float]] | None = None
    before_update: Callable[[nn.Module, torch.optim.Optimizer, int], object] | None = None
    notices: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        for name in ("build", "batch", "loss", *_OPTIONAL):
            given = getattr(self, name)
            if not callable(given) and not (given is None and name in _OPTIONAL):
                raise UserError(f"{name} is {given!r}: give a function")
        if not isinstance(self.steps, int) or self.steps < 1:
            raise UserError(f"steps is {self.steps!r}: give the number of updates, 1 or more")
        if not self.clip >= 0:
            raise UserError(f"clip is {self.clip!r}: give the largest norm of the gradient, or 0 to clip nothing")

    def setup(self, start: int, replay: int, onset: int, last_suspect: int) -> Setup:
        """Return the setup of a null replay, with what a guard put in force."""
        return put_in_force(super().setup(start, replay, onset, last_suspect), self.recoveries)

    def optimization(self) -> Optimization:
        """Return how it is optimized. The model is built for it, and forgotten."""
        with torch.random.fork_rng():
            _, optimizer, scheduler = check_built(self.build(self.seed))
        return describe_optimization(optimizer, self.clip, _highest(self.rate_by(scheduler)))

    def rate_by(self, scheduler: Any) -> Callable[[int], float | Sequence[float]] | None:
        """Return the rate by step: what was given, or what a scheduler of `build` sets, None without either.

        Raises:
            UserError: there are both.
        """
        if scheduler is None:
            return self.rate
        if self.rate is not None:
            raise UserError("build(seed) gave a scheduler and rate is given too: give one of them")
        return self._scheduled

    @functools.cached_property
    def _scheduled(self) -> RateTable:
        """What the scheduler sets: read off one more, of an optimizer that trains nothing."""
        with torch.random.fork_rng():
            _, optimizer, scheduler = check_built(self.build(self.seed))
        try:
            return RateTable(optimizer, lambda _: scheduler.step(), self.steps)
        except Exception as error:
            why = " ".join(str(error).split())
            raise UserError(
                f"the scheduler {type(scheduler).__name__} of build(seed) cannot do {self.steps} steps ({why}): "
                "make it for as many"
            ) from error

    def make(self, setup: Setup) -> "LoopReplica":
        """Build model and optimizer anew."""
        return LoopReplica(self, setup)


class LoopReplica(Replica):
    """Anyone's training at one step.

    Args:
        loop: its functions.
        setup: its seed and its batches.

    Raises:
        UserError: what a function gave cannot be trained; quoted with the function's name.
    """

    def __init__(self, loop: Loop, setup: Setup) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(stream_seed(setup.seed, "initialisation"))
            self.model, self.optimizer, scheduler = check_built(loop.build(setup.seed))
        self._rate = loop.rate_by(scheduler)
        self.rate, self.clip = _highest(self._rate), clip_norm(loop.clip)
        self.seen: list[int] = []
        self._loop, self._seed = loop, setup.seed
        self._fetch = setup.fetch(loop.batch, self.seen)
        self._probe = loop.batch(0) if loop.probe is None else loop.probe

    def update(self, step: int) -> Update:
        """Do one update; one that is not finite changes no weight."""
        self.arrive(step)
        seed_torch(stream_seed(self._seed, "dropout", step))
        self.optimizer.zero_grad(set_to_none=True)
        self._set_rate(step)  # before the loss, as a scheduler does: what `loss` sets in the optimizer holds
        self.prepare(step)
        value, norm = self._backward(self._fetch(step)), math.nan
        if math.isfinite(value):
            norm = self.clip(self.model.parameters())
        if math.isfinite(norm):
            self.optimizer.step()
        return Update(value, norm, math.isfinite(value) and math.isfinite(norm))

    def prepare(self, step: int) -> None:
        """Call `before_update`."""
        if self._loop.before_update is not None:
            self._loop.before_update(self.model, self.optimizer, step)

    def probe(self) -> float:
        """Return the loss on the probe batch."""
        with evaluation_mode(self.model), torch.no_grad():
            losses = [_scalar(part) for part in _parts(self._loop.loss(self.model, self._probe))]
            return float(torch.stack(losses).sum()) if len(losses) > 1 else float(losses[0])

    def evaluate(self) -> Mapping[str, float]:
        """Return what `validate` gives."""
        if self._loop.validate is None:
            return {}
        with evaluation_mode(self.model), torch.no_grad():
            found = self._loop.validate(self.model)
        if not isinstance(found, Mapping):
            raise UserError(f"validate(model) gave {type(found).__name__}: give losses by name, {{'validation': 1.23}}")
        return {str(name): float(value) for name, value in found.items()}

    def state(self) -> State:
        """Return a copy of weights, moments, and the numbers that the optimizer keeps beside them."""
        return State(
            {name: value.detach().clone() for name, value in self.model.state_dict().items()},
            *optimizer_state(self.model, self.optimizer),
        )

    def restore(self, state: State) -> None:
        """Put a state back."""
        self.model.load_state_dict(state.model)
        put_optimizer_state(self.model, self.optimizer, state.optimizer, state.carried)

    def _backward(self, batch: Any) -> float:
        """Propagate each part of the loss of a batch backwards, and return their sum."""
        total: Tensor | None = None
        before = torch.get_rng_state() if self.draws is None else None
        for given in _parts(self._loop.loss(self.model, batch)):
            loss = _scalar(given)
            total = loss.detach() if total is None else total + loss.detach()
            if not math.isfinite(float(total)):
                break
            if not loss.requires_grad:
                raise UserError("loss(model, batch) gave a tensor without a gradient: compute it from the model")
            loss.backward()
        if total is None:
            raise UserError("loss(model, batch) gave no part of a loss: yield one at least")
        if before is not None:
            self.draws = not torch.equal(before, torch.get_rng_state())
        return float(total)

    def _set_rate(self, step: int) -> None:
        if self.rate is None or self._rate is None:
            return
        if isinstance(self._rate, RateTable):
            self._rate.put_cycled(self.optimizer, step)
        groups = self.optimizer.param_groups
        for group, rate in zip(groups, _of_groups(self._rate(step), self.rate(step), len(groups)), strict=True):
            group["lr"] = rate


def _parts(given: Any) -> Iterable[Any]:
    """Return what a loss function gave as parts of the loss: one, or what it yields."""
    return given if isinstance(given, Iterator) else (given,)


def _highest(rate: Callable[[int], float | Sequence[float]] | None) -> Callable[[int], float] | None:
    """Return the schedule of the highest rate, which is what interventions know and change."""
    if rate is None:
        return None

    def highest(step: int) -> float:
        given = rate(step)
        return max(given) if isinstance(given, list | tuple) else given  # type: ignore[return-value]

    return highest


def _of_groups(own: float | Sequence[float], highest: float, count: int) -> Sequence[float]:
    """Return the rate of each parameter group.

    Args:
        own: what the training's schedule says.
        highest: what the highest rate shall be; that of the schedule unless an intervention changed it.
        count: parameter groups.

    Raises:
        UserError: the schedule has another number of groups.
    """
    if not isinstance(own, list | tuple):
        return [highest] * count
    if len(own) != count:
        raise UserError(f"rate(step) gave {len(own)} rates, the optimizer has {count} parameter groups: give one each")
    factor = highest / max(own) if max(own) > 0 else 1.0
    return [rate * factor for rate in own]


def _scalar(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor):
        raise UserError(f"loss(model, batch) gave {type(loss).__name__}: it must give a tensor of one number")
    if loss.numel() != 1:
        raise UserError(f"loss(model, batch) gave a tensor {tuple(loss.shape)}: it must give one number, as its mean")
    return loss
