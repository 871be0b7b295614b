"""Trains anyone's loop under a guard: what `newllm train --guard` does, for `newllm.Loop`.

    guarded = newllm.guard(loop)
    guarded.model, guarded.recoveries

Without an onset it gives the weights of the same loop without a guard, bit for bit. Under `torch.distributed` every
process calls it alike, and decides alike (ranks.py).

Limits: the states that it can go back to are in memory, 1 GiB at most, and a replay needs room for a second model.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.onset import Onset, OnsetWatch
from newllm.errors import UserError, unknown_name
from newllm.replays.guard.ranks import averaged_over_ranks
from newllm.replays.guard.recent import Recent
from newllm.replays.guard.recovery import Incident, decide, rollback_step
from newllm.replays.replica.replica import Replica, State, Update
from newllm.replays.subjects.loop import Loop
from newllm.trace import Recovery, Series, Trace
from newllm.trace.recovery import followed_by
from newllm.training.config import GUARD_POLICIES

Status = Literal["finished", "interrupted", "diverged"]
_SIGNALS = ("loss", "gradient_norm", "learning_rate")


@dataclass
class Guarded:
    """A training under a guard, after it or where it was stopped.

    Attributes:
        model: trained.
        optimizer: with its state.
        step: updates done.
        status: "finished", "interrupted" (go on by `guard(loop, begin=guarded)`) or "diverged".
        message: why it was stopped, else "".
        recoveries: what was done, in order.
        signals: by name, a value for each update that counts: loss, gradient_norm, learning_rate.
        abandoned: of each recovery that rolled back, by its number, the losses of the updates that do not count.
        recent: states that it can go back to.
        state: of the training at `step`.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    step: int
    status: Status
    message: str
    recoveries: tuple[Recovery, ...]
    signals: dict[str, list[float]]
    abandoned: dict[int, list[float]]
    recent: Recent
    state: State

    @property
    def loss(self) -> list[float]:
        """The loss of each update that counts."""
        return self.signals["loss"]


def guard(loop: Loop, policy: str = "guard", *, budget: int | None = None, begin: Guarded | None = None) -> Guarded:
    """Train a loop; when its loss leaves its trend, do what the policy says.

    Args:
        loop: the training.
        policy: "guard" (replay remedies, take the best, go back and on), "rollback-and-skip" (go back and skip the
            batches), "ask" (stop there) or "off".
        budget: updates that the replays of one decision may do together; None takes 30 times a null replay's.
        begin: what an earlier call gave: goes on from there, as if it had not been stopped. Three more recoveries may
            fail then.

    Raises:
        UserError: a mistake in the call, or in what the loop's functions gave.
    """
    if policy not in GUARD_POLICIES:
        raise unknown_name("guard policy", policy, GUARD_POLICIES)
    if budget is not None and budget < 1:
        raise UserError(f"budget {budget}: give updates, 1 or more")
    with torch.random.fork_rng():
        return _Training(averaged_over_ranks(loop), policy, budget, begin).go()


class _Training:
    def __init__(self, loop: Loop, policy: str, budget: int | None, begin: Guarded | None) -> None:
        self.loop, self.policy, self.budget = dataclasses.replace(loop, validate=None), policy, budget
        self.status: Status = "finished"
        self.message = ""
        self.step, self.state = (0, None) if begin is None else (begin.step, begin.state)
        self.recoveries = () if begin is None else begin.recoveries
        self.signals = {name: [] if begin is None else list(begin.signals[name]) for name in _SIGNALS}
        self.abandoned = {} if begin is None else dict(begin.abandoned)
        self.recent = Recent() if begin is None else begin.recent.copied()
        self._build()

    @property
    def loss(self) -> list[float]:
        return self.signals["loss"]

    def go(self) -> Guarded:
        while self.step < self.loop.steps and self.status == "finished":
            self.recent.offer(self.step, self.replica.state)
            update = self.replica.update(self.step)
            self._take(update)
            onset = None if self.policy == "off" else self.watch.see(len(self.loss), _seen(update))
            if onset is not None:
                self._act(onset)
            if not update.finite and self.step < len(self.loss):
                self.status, self.message = "diverged", f"not finite at step {len(self.loss)}"
        return Guarded(
            self.replica.model,
            self.replica.optimizer,
            self.step,
            self.status,
            self.message,
            self.recoveries,
            self.signals,
            self.abandoned,
            self.recent,
            self.replica.state(),
        )

    def _take(self, update: Update) -> None:
        rate = max(float(group["lr"]) for group in self.replica.optimizer.param_groups)
        for name, value in zip(_SIGNALS, (update.loss, update.gradient_norm, rate), strict=True):
            self.signals[name].append(value)
        self.step += update.finite

    def _act(self, onset: Onset) -> None:
        found = decide(self._incident(onset))
        if found not in self.recoveries:
            self.recoveries = followed_by(self.recoveries, dataclasses.replace(found, done=True))
        elif found.action == "asked":
            return  # the person has been asked, and has gone on
        if found.action == "went on":
            return
        if found.action != "remedy":
            self.status, self.message = "interrupted", found.sentence
        # After "asked" too: the loss is seen leaving its trend again, whatever the person decides.
        self._go_back(rollback_step(self.recent.steps, onset.onset, 0) if found.back is None else found.back, found)

    def _go_back(self, step: int, why: Recovery) -> None:
        self.abandoned[why.number] = self.loss[step:]
        for values in self.signals.values():
            del values[step:]
        self.recent.forget_after(step)
        self.step, self.state = step, self.recent.state(step)
        self._build()

    def _build(self) -> None:
        """Build the training at the present step, with all that is in force, and let the watch see what was."""
        self.loop.recoveries = self.recoveries
        setup = self.loop.setup(self.step, 0, self.step, self.step)
        self.replica: Replica = self.loop.start(setup, self.state)
        self.watch = OnsetWatch()
        for step, loss in enumerate(self.loss, start=1):
            self.watch.see(step, loss)

    def _incident(self, onset: Onset) -> Incident:
        steps = np.arange(1, len(self.loss) + 1)
        return Incident(
            policy=self.policy,
            subject=self.loop,
            onset=onset,
            trace=Trace({name: Series(steps, np.array(values)) for name, values in self.signals.items()}),
            facts=Facts(),
            known=self.recent.steps,
            state=self.recent.state,
            history=self.recoveries,
            budget=self.budget,
        )


def _seen(update: Update) -> float:
    """Return the loss; NaN too where only the gradient was not finite."""
    return update.loss if update.finite else math.nan
