"""A run trained longer than was planned: its schedule planned anew from the step that it has come to.

All that is changed stands in config.toml, written whole before the first update: a kill leaves a run that was
extended, or one that was not.
"""

import dataclasses

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.training.budget import Budget, steps_for_tokens
from newllm.training.config import RunConfig, TrainingConfig
from newllm.training.config_file import save_config
from newllm.training.run import RunDirectory
from newllm.training.schedule import Schedule
from newllm.training.schedule_file import stays


def extend(run: RunDirectory, config: RunConfig, budget: Budget, tokens_per_step: float) -> tuple[RunConfig, Message]:
    """Plan a run anew from its last snapshot; return its configuration, and a notice about it.

    Args:
        run: locked by the caller.
        config: as `RunDirectory.load_config` gives it.
        budget: steps or tokens of the whole run, or seconds from now on.
        tokens_per_step: targets of an update.

    Raises:
        UserError: the run has done as much already.
    """
    step, schedule = run.last_step() or 0, Schedule(config)
    training = config.training
    was = {"was": schedule.steps, "in_seconds": training.seconds or None}
    plan = training.plan or ((0, training.steps, config.optimizer.warmup),)
    plan = tuple(row for row in plan if stays(row, step)) if step < schedule.steps else plan
    stopped = dataclasses.replace(training, seconds=0.0, plan=plan, steps=plan[-1][1] if plan else training.steps)
    if budget.seconds is not None:
        stopped = _planned(stopped, schedule, step, max(step, schedule.steps))
        _save(run, dataclasses.replace(config, training=stopped))
        run.schedule.unlink(missing_ok=True)  # of an earlier clock; config.toml has it all by now
        config = dataclasses.replace(config, training=dataclasses.replace(stopped, seconds=budget.seconds))
        _save(run, config)
        return config, message("notice-follows_clock", **was, step=step, seconds=budget.seconds)
    steps = budget.steps if budget.steps is not None else steps_for_tokens(budget.tokens or 0, tokens_per_step)
    if steps <= step:
        given = f"--steps {steps}" if budget.steps is not None else f"--tokens {budget.tokens}"
        raise UserError(f"{given}: '{run.path}' has done {step:,} steps already: give more than those, the whole run's")
    config = dataclasses.replace(config, training=_planned(stopped, schedule, step, steps))
    _save(run, config)
    return config, message("notice-extended", **was, steps=steps, **_rates(config, step))


def _planned(training: TrainingConfig, schedule: Schedule, step: int, steps: int) -> TrainingConfig:
    """Return the settings with a decision at a step."""
    row = (step, steps, schedule.warm_after(step, steps - step) if step else schedule.warm)
    if training.plan and training.plan[-1] == row:
        return training
    return dataclasses.replace(training, plan=(*training.plan, row), steps=steps)


def _save(run: RunDirectory, config: RunConfig) -> None:
    config.check()
    save_config(config, run.config)


def _rates(config: RunConfig, step: int) -> dict[str, float]:
    """Return how the learning rate goes on."""
    schedule = Schedule(config)
    warm, last = max(step, schedule.warm - 1), schedule.steps - 1
    before = schedule.rate(step - 1) if step else 0.0
    return {"before": before, "warm": schedule.rate(warm), "by": warm + 1, "end": schedule.rate(last)}
