"""The learning rate, held at what it was before the window: a jump, a rise, or a schedule that starts again, undone."""

import math

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import planned
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject

_RISE = 1.3  # times: a smaller one is no rise to speak of


def _rise(replica: Replica, first: int, past: int) -> tuple[float, float]:
    """Return the planned rate of an update `first`, and by how much it is exceeded before an update `past`."""
    assert replica.rate is not None, "what fits has a planned rate"
    before = replica.rate(first)
    highest = max(replica.rate(step) for step in range(first, max(past, first + 1)))
    if highest < _RISE * before:
        raise UserError(f"the planned learning rate does not rise between the updates {first} and {past - 1}")
    return before, highest / before if before > 0 else math.inf


def _hold(replica: Replica, setup: Setup) -> None:
    first = setup.window.start // setup.per_update
    before, _ = _rise(replica, first, setup.peak)
    own = replica.rate
    assert own is not None
    replica.rate = lambda step: min(own(step), before) if step >= first else own(step)


def _raise(replica: Replica, setup: Setup) -> None:
    """Let the rate jump before the onset by as much as it rose in the original's window."""
    own, suspect = replica.rate, setup.suspect
    _, factor = _rise(replica, suspect.start // setup.per_update, -(-suspect.stop // setup.per_update))
    assert own is not None
    if not math.isfinite(factor):
        raise UserError("the learning rate rose from 0: that rise has no size to plant")
    replica.rate = lambda step: own(step) * (factor if step >= setup.onset - 1 else 1.0)


def _misfit(subject: Subject) -> Message | None:
    rate = planned(subject).rate
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
    apply=lambda setup: setup.attach.append(lambda replica: _hold(replica, setup)),
    misfit=_misfit,
    plant=lambda setup: setup.attach.append(lambda replica: _raise(replica, setup)),
    slowness=1.5,
)
