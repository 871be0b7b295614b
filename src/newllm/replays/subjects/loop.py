"""Anyone's PyTorch training as a subject: three functions.

    build(seed) -> model, optimizer
    batch(step) -> anything
    loss(model, batch) -> a tensor of one number, nats

Each must depend on its arguments alone: `batch(step)` gives the same batch whenever it is asked, for every step from
0 on, also past the end of the original; chance inside `loss` (dropout) must come from torch's global generator,
which is seeded before every update. The reproduction refuses a training of which that is not true, and says where.

Limits: one process, one optimizer, no optimizer that wants a closure (LBFGS), no loss scaler.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from newllm.chance import stream_seed
from newllm.errors import UserError
from newllm.model.evaluation_mode import evaluation_mode
from newllm.replays.interventions.remedies import put_in_force
from newllm.replays.replica.optimization import Optimization, describe_optimization
from newllm.replays.replica.replica import Replica, State, Update
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject
from newllm.replays.subjects.loop_state import check_built, optimizer_state, put_optimizer_state
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
        validate: from the model, in evaluation mode, to losses by name ("validation", "validation/NAME"), or None.

    Raises:
        UserError: a function is none, or there is no step.
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

    def __post_init__(self) -> None:
        for name in ("build", "batch", "loss", "rate", "validate"):
            given = getattr(self, name)
            if not callable(given) and not (given is None and name in ("rate", "validate")):
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
            _, optimizer = self.build(self.seed)
        return describe_optimization(optimizer, self.clip, self.rate)

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
            self.model, self.optimizer = check_built(loop.build(setup.seed))
        self.rate, self.clip = loop.rate, clip_norm(loop.clip)
        self.seen: list[int] = []
        self._loop, self._seed = loop, setup.seed
        self._fetch = setup.fetch(loop.batch, self.seen)
        self._probe = loop.batch(0) if loop.probe is None else loop.probe

    def update(self, step: int) -> Update:
        """Do one update; one that is not finite changes no weight."""
        self.arrive(step)
        torch.manual_seed(stream_seed(self._seed, "dropout", step))
        self.optimizer.zero_grad(set_to_none=True)
        loss = _scalar(self._loop.loss(self.model, self._fetch(step)))
        value, norm = float(loss.detach()), math.nan
        if math.isfinite(value):
            if not loss.requires_grad:
                raise UserError("loss(model, batch) gave a tensor without a gradient: compute it from the model")
            loss.backward()
            norm = self.clip(self.model.parameters())
        if math.isfinite(norm):
            self._set_rate(step)
            self.optimizer.step()
        return Update(value, norm, math.isfinite(value) and math.isfinite(norm))

    def probe(self) -> float:
        """Return the loss on the probe batch."""
        with evaluation_mode(self.model), torch.no_grad():
            return float(_scalar(self._loop.loss(self.model, self._probe)))

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

    def _set_rate(self, step: int) -> None:
        if self.rate is None:
            return
        rate = self.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate


def _scalar(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor):
        raise UserError(f"loss(model, batch) gave {type(loss).__name__}: it must give a tensor of one number")
    if loss.numel() != 1:
        raise UserError(f"loss(model, batch) gave a tensor {tuple(loss.shape)}: it must give one number, as its mean")
    return loss
