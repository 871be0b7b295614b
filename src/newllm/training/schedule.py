"""The learning rate as a pure function of the step, also where the length of a run was decided on the way.

A plan is what was decided, in order: `(step, steps, warm)` says that from `step` on the run is to have `steps` updates
in all, and that the rate has come to the schedule's by step `warm`. A later decision replaces those of its step and
after it. The schedule goes on from where it was, without a jump, and comes to its end at the new last step. Where a
run had come to its end already, it follows the schedule of a run that had `steps` updates from the start. `(N, N, N)`
says that the run ended after N updates, where an earlier decision had expected another number.

A run without a plan is `((0, training.steps, optimizer.warmup),)`.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from newllm.training.config import OptimizerConfig, RunConfig


def learning_rate(step: int, steps: int, config: OptimizerConfig, warmup: int | None = None) -> float:
    """Return the learning rate of the update that leads from `step` to `step + 1`, where nothing was decided anew.

    Args:
        step: updates done so far.
        steps: updates of the whole run.
        config: warm-up, schedule, highest and final learning rate.
        warmup: steps of warm-up, None for the configuration's.
    """
    warmup = config.warmup if warmup is None else warmup
    warm = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if config.schedule == "constant":
        return config.learning_rate * warm
    progress = min(1.0, max(0.0, (step - warmup) / max(1, steps - warmup)))
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * warm * (config.final + (1 - config.final) * cosine)


@dataclass(frozen=True)
class _Stretch:
    """The updates from one decision to the next.

    Attributes:
        begin: first step.
        steps: updates in all.
        warm: step by which the rate is the schedule's.
        before: rate of the update before `begin`.
        origin, decayed: the step that the decay goes on from, and the share of it that is done there.
        share: of the run that is done at `begin`.
    """

    begin: int
    steps: int
    warm: int
    before: float = 0.0
    origin: int = 0
    decayed: float = 0.0
    share: float = 0.0

    def progress(self, step: int) -> float:
        """Return the share of the run that is done at a step."""
        return self.share + (1 - self.share) * min(1.0, (step - self.begin) / max(1, self.steps - self.begin))

    def decay(self, step: int) -> float:
        """Return the share of the decay that is done at a step."""
        gone = (step - self.origin) / max(1, self.steps - self.origin)
        return self.decayed + (1 - self.decayed) * min(1.0, max(0.0, gone))

    def rate(self, step: int, config: OptimizerConfig) -> float:
        """Return the learning rate of the update that leads on from a step."""
        if self.begin == 0:
            return learning_rate(step, self.steps, config, self.warm)
        target = config.learning_rate
        if config.schedule != "constant":
            cosine = 0.5 * (1 + math.cos(math.pi * self.decay(step)))
            target *= config.final + (1 - config.final) * cosine
        if step + 1 >= self.warm:
            return target
        return self.before + (target - self.before) * (step + 1 - self.begin) / (self.warm - self.begin)


class Schedule:
    """The learning rate of every step, and the number of steps, as far as they are decided.

    Args:
        config: a run, with its plan if it has one.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config, self._every = config.optimizer, config.training.evaluate_every
        self._evaluations = config.training.evaluations
        self._stretches: list[_Stretch] = []
        for decision in config.training.plan or ((0, config.training.steps, config.optimizer.warmup),):
            self.decide(*decision)

    @property
    def steps(self) -> int:
        """Updates in all, as they are planned."""
        return self._stretches[-1].steps

    @property
    def warm(self) -> int:
        """The step by which the rate has come to the schedule's."""
        return self._stretches[-1].warm

    def decide(self, step: int, steps: int, warm: int) -> None:
        """Take in that from `step` on the run is to have so many updates in all; earlier steps stay as they are."""
        kept = [one for one in self._stretches if one.begin < step or (one.begin == one.steps == step)]
        self._stretches = kept
        if not kept:
            self._stretches.append(_Stretch(step, steps, warm, origin=warm))
            return
        last, before = kept[-1], self.rate(step - 1)
        if step >= last.steps:
            self._stretches.append(
                _Stretch(step, steps, warm, before, origin=kept[0].warm, share=min(1.0, step / max(1, steps)))
            )
            return
        origin = max(step, warm)
        self._stretches.append(_Stretch(step, steps, warm, before, origin, last.decay(step), last.progress(step)))

    def warm_after(self, step: int, more: int) -> int:
        """Return the step by which the rate comes to the schedule's where so many updates are still to be done.

        A warm-up goes on, and a rate that has come to its end rises again as slowly as in a warm-up; otherwise the
        rate goes on without one. Neither takes more than a tenth of the updates.
        """
        if step >= self.steps:
            return step + min(self._config.warmup, more // 10)
        if self.warm <= step:
            return step
        return max(step + 1, min(self._config.warmup, (step + more) // 10))

    def rate(self, step: int) -> float:
        """Return the learning rate of the update that leads from `step` to `step + 1`."""
        return self._at(step).rate(step, self._config)

    def progress(self, step: int) -> float:
        """Return the share of the run that is done after so many updates."""
        return self._at(max(0, step - 1)).progress(step)

    def evaluates(self, step: int) -> bool:
        """Whether an evaluation is due after so many updates: at an end, and as the configuration says."""
        if step == self.steps or any(one.begin == step >= before.steps for before, one in pairwise(self._stretches)):
            return True
        if not self._evaluations:
            return step % self._every == 0
        parts = (int(self._evaluations * self.progress(at)) for at in (step - 1, step))
        return next(parts) < next(parts) < self._evaluations

    def fitting(self, step: int, seconds: float, per_step: float, per_evaluation: float) -> int:
        """Return how many updates, one at least, fit into so many seconds after a step, with their evaluations.

        Args:
            step: updates done.
            seconds: for updates and evaluations, the one at the end included.
            per_step: seconds of an update.
            per_evaluation: seconds of an evaluation.
        """
        evaluations = 1
        if self._evaluations:
            evaluations = max(1, self._evaluations - int(self._evaluations * self.progress(step)))
        else:
            per_step += per_evaluation / self._every
        fits = (seconds - evaluations * per_evaluation) / max(per_step, 1e-9)
        if fits < evaluations:  # there is no room for all of them: one after each of fewer updates, and so at the end
            fits = seconds / max(per_step + per_evaluation, 1e-9)
        return max(1, round(fits))

    def _at(self, step: int) -> _Stretch:
        return next(one for one in reversed(self._stretches) if one.begin <= step)
