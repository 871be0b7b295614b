"""How often a run evaluates, saves and holds a state, where that is left to us."""

import dataclasses
import math

from newllm.training.config import RunConfig
from newllm.training.ring import ring_every


def resolve_intervals(config: RunConfig) -> RunConfig:
    """Return the configuration with its automatic intervals written out.

    Evaluations come ten times, but not so often that they would cost more than a fifth of the training: a
    token costs about a third there of what it costs in training.
    """
    training = config.training
    if training.evaluations and not training.evaluate_every:
        return dataclasses.replace(config, training=dataclasses.replace(training, ring_every=ring_every(config)))
    per_step = config.data.window * config.data.batch * training.accumulate
    rarest = math.ceil(training.evaluate_tokens / 3 / 0.2 / per_step)
    every = training.evaluate_every or max(1, min(training.steps, max(rarest, min(training.steps // 10, 1000))))
    snapshot_every = training.snapshot_every or every
    training = dataclasses.replace(
        training, evaluate_every=every, snapshot_every=snapshot_every, ring_every=ring_every(config)
    )
    return dataclasses.replace(config, training=training)
