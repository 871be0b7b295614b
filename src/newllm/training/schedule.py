"""The learning rate as a pure function of the step."""

import math

from newllm.training.config import OptimizerConfig


def learning_rate(step: int, steps: int, config: OptimizerConfig) -> float:
    """Return the learning rate of the update that leads from `step` to `step + 1`.

    Args:
        step: updates done so far.
        steps: updates of the whole run.
        config: warm-up, schedule, highest and final learning rate.
    """
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return config.learning_rate * warm
    progress = min(1.0, max(0.0, (step - config.warmup) / max(1, steps - config.warmup)))
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * warm * (config.final + (1 - config.final) * cosine)
