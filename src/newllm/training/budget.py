"""How many updates a budget buys. What the clock decides is written down before it is followed, see `pace`."""

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import field

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.training.config import RunConfig, TrainingConfig
from newllm.training.intervals import resolve_intervals

EVALUATIONS = 11  # one before the first step, and ten on the way: see `TrainingConfig.evaluate_every`
LARGEST = 10**12
EVALUATION_SHARE = 0.15  # of a budget in seconds, at most
LEAST_EVALUATED = 4096  # tokens: fewer say too little, however short the budget


@dataclasses.dataclass(frozen=True)
class Budget:
    """At most one of three ways to say how long to train; none leaves the configuration's steps.

    Args:
        steps: updates.
        tokens: training targets.
        seconds: of wall time, from `began` to the end of the training: getting ready, evaluations, snapshots and the
            curves are part of it.
        began: on `time.monotonic`'s clock, when the time began.
    """

    steps: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    began: float = field(default_factory=time.monotonic, compare=False)

    @property
    def given(self) -> dict[str, float]:
        """What is given, by name."""
        named = {"steps": self.steps, "tokens": self.tokens, "seconds": self.seconds}
        return {name: value for name, value in named.items() if value is not None}

    def check(self) -> None:
        """Raise UserError for two budgets at once, or one that buys nothing."""
        given = self.given
        if len(given) > 1:
            raise UserError(f"give one of {' and '.join('--' + name for name in given)}, not both")
        for name, value in given.items():
            if not value > 0 or not math.isfinite(value):
                raise UserError(f"--{name} {value}: it must be above 0")
            if value > LARGEST:
                raise UserError(f"--{name} {value}: it must be at most {LARGEST:,}")


def without_plan(training: TrainingConfig) -> TrainingConfig:
    """Return the settings without what a clock has decided of an earlier run."""
    return dataclasses.replace(training, seconds=0.0, plan=(), evaluations=0)


def with_steps(config: RunConfig, steps: int) -> RunConfig:
    """Return the configuration with another number of steps; a warm-up is at most a tenth of them."""
    warmup = min(config.optimizer.warmup, max(1, steps // 10)) if config.optimizer.warmup else 0
    return dataclasses.replace(
        config,
        training=dataclasses.replace(without_plan(config.training), steps=steps),
        optimizer=dataclasses.replace(config.optimizer, warmup=warmup),
    )


def shortened(requested: RunConfig, bought: RunConfig, settings: Sequence[str]) -> list[Message]:
    """Say which values of `KEY=VALUE` settings a budget was too short for."""
    named = {setting.partition("=")[0].strip() for setting in settings}
    steps = bought.training.steps
    pairs = (
        ("optimizer.warmup", requested.optimizer.warmup, bought.optimizer.warmup),
        ("training.evaluate_tokens", requested.training.evaluate_tokens, bought.training.evaluate_tokens),
    )
    return [
        message("notice-shortened", setting=name, now=now, before=before, steps=steps)
        for name, before, now in pairs
        if name in named and now < before
    ]


def steps_for_tokens(tokens: int, tokens_per_step: float) -> int:
    """Return the updates that see at least so many training targets."""
    return max(1, math.ceil(tokens / tokens_per_step))


def with_clock(config: RunConfig, seconds: float, left: float, per_token: float) -> RunConfig:
    """Return the configuration of a run that the clock ends, with a first estimate of its steps.

    Args:
        config: as asked for. Where its evaluations are left to us, they come at equal parts of the plan, and take a
            small share of the time: on fewer tokens where as many would take more.
        seconds: of the budget.
        left: of them, for updates and evaluations.
        per_token: seconds that a token takes in an evaluation; an update takes about three times as long.
    """
    training, optimizer = config.training, config.optimizer
    if not training.evaluate_every:
        most = max(LEAST_EVALUATED, int(EVALUATION_SHARE * left / EVALUATIONS / per_token))
        tokens = min(training.evaluate_tokens or LARGEST, most)
        training = dataclasses.replace(training, evaluate_tokens=tokens)
    per_step = 3 * per_token * config.data.window * config.data.batch * training.accumulate
    steps = max(1, int((1 - EVALUATION_SHARE) * left / per_step))
    warm = min(optimizer.warmup, max(1, steps // 10)) if optimizer.warmup else 0
    training = dataclasses.replace(training, seconds=seconds, steps=steps, plan=((0, steps, warm),))
    config = dataclasses.replace(config, training=training)
    if training.evaluate_every:
        return config
    parts = max(1, round(steps / resolve_intervals(config).training.evaluate_every))
    return dataclasses.replace(config, training=dataclasses.replace(training, evaluations=parts))
