"""The learning rate, ramped from 0 at the start of the replay.

The ramp is as long as the way to the onset (10 to 100 updates): from step 0 it is the warm-up that a run without one
lacked, from a later start it asks whether the first steps from there are what is too long.
"""

import dataclasses

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import follow_rate, ramp, reset_moments
from newllm.replays.setup import Setup

_LEAST, _MOST = 10, 100  # updates; the most is what studies/founding has


def _apply(setup: Setup) -> None:
    updates = min(_MOST, max(_LEAST, setup.onset - setup.start))
    setup.attach.append(lambda replica: follow_rate(replica, ramp(setup.start, updates)))


def _plant(setup: Setup) -> None:
    """Begin at the whole rate: with fresh moments, and without the warm-up that the run has."""
    if setup.config is not None:
        optimizer = dataclasses.replace(setup.config.optimizer, warmup=0)
        plan = tuple((step, steps, step) for step, steps, _ in setup.config.training.plan)
        training = dataclasses.replace(setup.config.training, plan=plan)
        setup.config = dataclasses.replace(setup.config, optimizer=optimizer, training=training)
    setup.attach.append(reset_moments)


WARM_UP = Intervention(
    name="warm-up",
    kind="optimizer",
    causes=("no-warm-up", "learning-rate"),
    aims_at="update_ratio",
    direction=-1,
    apply=_apply,
    plant=_plant,
    slowness=1.5,
)
