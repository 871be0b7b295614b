"""Interventions on the learning rate."""

import dataclasses
import math

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizer.moments import reset_moments
from newllm.replays.interventions.optimizer.optimization import optimization_of
from newllm.replays.interventions.optimizer.rate import follow_rate, ramp
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject

# half-learning-rate: the learning rate, halved; the founding document's remedy (section 6).

HALF = 0.5


def scaled_rate(setup: Setup, factor: float) -> None:
    """Multiply the learning rate by a factor from the start of the replay on."""
    setup.at_start.append(lambda replica: _scale_rate(replica, factor))


def _scale_rate(replica: Replica, factor: float) -> None:
    own = replica.rate
    if own is None:
        fixed = [group["lr"] for group in replica.optimizer.param_groups]
        for group, rate in zip(replica.optimizer.param_groups, fixed, strict=True):
            group["lr"] = rate * factor
    else:
        replica.rate = lambda step: factor * own(step)


HALF_LEARNING_RATE = Intervention(
    name="half-learning-rate",
    kind="optimizer",
    causes=("learning-rate", "no-warm-up"),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: scaled_rate(setup, HALF),
    inject=lambda setup: scaled_rate(setup, 1 / HALF),
    slowness=2.0,
)


# tenth-learning-rate: the learning rate, a tenth of it: a stronger dose of the founding document's remedy.

TENTH = 0.1

TENTH_LEARNING_RATE = Intervention(
    name="tenth-learning-rate",
    kind="optimizer",
    causes=("learning-rate", "no-warm-up"),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: scaled_rate(setup, TENTH),
    inject=lambda setup: scaled_rate(setup, 1 / TENTH),
    slowness=10.0,
)


# warm-up: the learning rate, ramped from 0 at the start of the replay.
#
# The ramp is as long as the way to the onset (10 to 100 updates): from step 0 it is the warm-up that a run without one
# lacked, from a later start it asks whether the first steps from there are what is too long.

_LEAST_WARM_UP, _MOST_WARM_UP = 10, 100  # updates; the most is what studies/founding has


def _warm_up(setup: Setup) -> None:
    updates = min(_MOST_WARM_UP, max(_LEAST_WARM_UP, setup.onset - setup.start))
    setup.at_start.append(lambda replica: follow_rate(replica, ramp(setup.start, updates)))


def _begin_at_the_whole_rate(setup: Setup) -> None:
    """Begin at the whole rate: with fresh moments, and without the warm-up that the run has."""
    if setup.config is not None:
        optimizer = dataclasses.replace(setup.config.optimizer, warmup=0)
        plan = tuple((step, steps, step) for step, steps, _ in setup.config.training.plan)
        training = dataclasses.replace(setup.config.training, plan=plan)
        setup.config = dataclasses.replace(setup.config, optimizer=optimizer, training=training)
    setup.at_start.append(reset_moments)


WARM_UP = Intervention(
    name="warm-up",
    kind="optimizer",
    causes=("no-warm-up", "learning-rate"),
    aims_at="update_ratio",
    direction=-1,
    apply=_warm_up,
    inject=_begin_at_the_whole_rate,
    slowness=1.5,
)


# hold-learning-rate: the learning rate, held at what it was before the window: a jump, a rise, or a schedule that
# starts again, undone.

_RISE = 1.3  # times: a smaller one is no rise to speak of


def _rise(replica: Replica, first: int, past: int) -> tuple[float, float]:
    """Return the planned rate of an update `first`, and by how much it is exceeded before an update `past`."""
    assert replica.rate is not None, "what fits has a planned rate"
    before = replica.rate(first)
    highest = max(replica.rate(step) for step in range(first, max(past, first + 1)))
    if highest < _RISE * before:
        raise UserError(f"the planned learning rate does not rise between the updates {first} and {past - 1}")
    return before, highest / before if before > 0 else math.inf


def _hold_rate(replica: Replica, setup: Setup) -> None:
    first = setup.window.start // setup.per_update
    before, _ = _rise(replica, first, setup.last_suspect)
    own = replica.rate
    assert own is not None
    replica.rate = lambda step: min(own(step), before) if step >= first else own(step)


def _raise_rate(replica: Replica, setup: Setup) -> None:
    """Let the rate jump before the onset by as much as it rose in the original's window."""
    own, suspect = replica.rate, setup.suspect
    _, factor = _rise(replica, suspect.start // setup.per_update, -(-suspect.stop // setup.per_update))
    assert own is not None
    if not math.isfinite(factor):
        raise UserError("the learning rate rose from 0: that rise has no size to inject")
    replica.rate = lambda step: own(step) * (factor if step >= setup.onset - 1 else 1.0)


def _no_rise(subject: Subject) -> Message | None:
    rate = optimization_of(subject).rate
    if rate is None:
        return message("misfit-own_rate")
    lowest, rises = math.inf, False
    for step in range(subject.steps):
        rises = rises or rate(step) >= _RISE * lowest
        lowest = min(lowest, rate(step))
    return None if rises else message("misfit-rate_never_rises")


HOLD_LEARNING_RATE = Intervention(
    name="hold-learning-rate",
    kind="optimizer",
    causes=("schedule-restarted", "learning-rate"),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.at_start.append(lambda replica: _hold_rate(replica, setup)),
    misfit=_no_rise,
    inject=lambda setup: setup.at_start.append(lambda replica: _raise_rate(replica, setup)),
    slowness=1.5,
    restores=True,
)
