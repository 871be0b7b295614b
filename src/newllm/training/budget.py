"""How many updates a budget buys. What hangs on a clock is decided once and written into config.toml."""

import dataclasses
import math
from collections.abc import Sequence

from newllm.errors import UserError
from newllm.training.config import RunConfig

EVALUATIONS = 11  # one before the first step, and ten on the way: see `TrainingConfig.evaluate_every`
LARGEST = 10**12
EVALUATION_SHARE = 0.15  # of a budget in seconds, at most
LEAST_EVALUATED = 4096  # tokens: fewer say too little, however short the budget
FEW_STEPS = 20
"""Updates below which a budget in seconds is remarked on."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """At most one of three ways to say how long to train; none leaves the configuration's steps.

    Args:
        steps: updates.
        tokens: training targets.
        seconds: of wall time, evaluations included; an estimate made at the start.
    """

    steps: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    def check(self) -> None:
        """Raise UserError for two budgets at once, or one that buys nothing."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) > 1:
            raise UserError(f"give one of {' and '.join('--' + name for name in given)}, not both")
        for name, value in given.items():
            if not value > 0 or not math.isfinite(value):
                raise UserError(f"--{name} {value}: it must be above 0")
            if value > LARGEST:
                raise UserError(f"--{name} {value}: it must be at most {LARGEST:,}")


def with_steps(config: RunConfig, steps: int) -> RunConfig:
    """Return the configuration with another number of steps; a warm-up is at most a tenth of them."""
    warmup = min(config.optimizer.warmup, max(1, steps // 10)) if config.optimizer.warmup else 0
    return dataclasses.replace(
        config,
        training=dataclasses.replace(config.training, steps=steps),
        optimizer=dataclasses.replace(config.optimizer, warmup=warmup),
    )


def shortened(asked: RunConfig, bought: RunConfig, settings: Sequence[str]) -> list[str]:
    """Say which values of `KEY=VALUE` settings a budget was too short for, a line each."""
    named = {setting.partition("=")[0].strip() for setting in settings}
    steps = bought.training.steps
    pairs = (
        ("optimizer.warmup", asked.optimizer.warmup, bought.optimizer.warmup),
        ("training.evaluate_tokens", asked.training.evaluate_tokens, bought.training.evaluate_tokens),
    )
    return [
        f"{name} is {now:,}, not {before:,}: the budget is {steps:,} steps, and that would take too much of them"
        for name, before, now in pairs
        if name in named and now < before
    ]


def hardly_any(budget: Budget, bought: RunConfig) -> list[str]:
    """Say where `--seconds` bought so few updates that nothing can be learnt; nothing where it bought enough."""
    steps = bought.training.steps
    if budget.seconds is None or steps >= FEW_STEPS:
        return []
    fit = "1 update fits" if steps == 1 else f"{steps} updates fit"
    return [
        f"only {fit} into {budget.seconds:g} s here and now (getting ready counts, and compiles on the first use): "
        "run it again, or give --steps"
    ]


def steps_for_tokens(tokens: int, tokens_per_step: float) -> int:
    """Return the updates that see at least so many training targets."""
    return max(1, math.ceil(tokens / tokens_per_step))


def with_seconds(config: RunConfig, seconds: float, per_step: float, per_evaluation: float) -> RunConfig:
    """Return the configuration with the updates that fit into so many seconds, evaluations included.

    Args:
        config: its steps are replaced, its evaluations spaced so that they take a small share, and on fewer
            tokens where two of them would take more.
        seconds: that are left.
        per_step: seconds of an update.
        per_evaluation: seconds of an evaluation.
    """
    config, per_evaluation = _affordable(config, EVALUATION_SHARE * seconds / 2, per_evaluation)
    evaluations = min(EVALUATIONS, max(2, int(EVALUATION_SHARE * seconds / per_evaluation)))
    steps = max(1, int((seconds - evaluations * per_evaluation) / per_step))
    config = with_steps(config, steps)
    if config.training.evaluate_every:
        return config
    spaced = dataclasses.replace(config.training, evaluate_every=math.ceil(steps / (evaluations - 1)))
    return dataclasses.replace(config, training=spaced)


def _affordable(config: RunConfig, seconds: float, per_evaluation: float) -> tuple[RunConfig, float]:
    """Return the configuration with evaluations that take at most so many seconds, and what one takes then."""
    tokens = config.training.evaluate_tokens
    if per_evaluation <= seconds or tokens <= LEAST_EVALUATED:
        return config, per_evaluation
    fewer = max(LEAST_EVALUATED, int(tokens * max(seconds, 0.0) / per_evaluation))
    training = dataclasses.replace(config.training, evaluate_tokens=fewer)
    return dataclasses.replace(config, training=training), per_evaluation * fewer / tokens
