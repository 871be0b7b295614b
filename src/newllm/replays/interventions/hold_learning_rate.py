"""The learning rate, held at what it was before it jumped: a jump, or a schedule that starts again, undone."""

import math
from collections.abc import Callable

import numpy as np

from newllm.diagnosis.schedule import Jump, jumps
from newllm.errors import UserError
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import planned
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject
from newllm.trace import Series, Trace

_FIRST = 3  # steps: a rise before it is how a run begins


def _jumps(rate: Callable[[int], float], steps: int) -> list[Jump]:
    """Return the jumps of a planned rate by the doctor's definition (`newllm.diagnosis.schedule`)."""
    value = np.array([rate(step) for step in range(steps)], dtype=np.float64)
    trace = Trace({"learning_rate": Series(np.arange(steps, dtype=np.int64), value)})
    return [jump for jump in jumps(trace) if jump.step >= _FIRST]


def _last(replica: Replica, first: int, past: int) -> Jump:
    """Return the last jump of the planned rate from an update `first` on, before an update `past`."""
    found = [] if replica.rate is None else [one for one in _jumps(replica.rate, past) if one.step >= first]
    if not found:
        raise UserError(f"the planned learning rate does not jump between the updates {first} and {past - 1}")
    return found[-1]


def _hold(replica: Replica, setup: Setup) -> None:
    jump = _last(replica, setup.start, setup.peak)
    own = replica.rate
    assert own is not None
    replica.rate = lambda step: min(own(step), jump.before) if step >= jump.step else own(step)


def _jump(replica: Replica, setup: Setup) -> None:
    """Let the rate jump at the window as much as it did before the spike."""
    own = replica.rate
    last = _last(replica, 0, max(setup.peak, -(-setup.suspect.stop // setup.per_update)))
    first, factor = setup.window.start // setup.per_update, last.after / last.before
    assert own is not None
    if not math.isfinite(factor):
        raise UserError(f"the learning rate rose from 0 at the update {last.step}: that jump has no size to plant")
    replica.rate = lambda step: own(step) * (factor if step >= first else 1.0)


def _fits(subject: Subject) -> str:
    rate = planned(subject).rate
    if rate is None:
        return "the learning rate is the optimizer's own, which never changes"
    return "" if _jumps(rate, subject.steps) else "the planned learning rate never jumps"


HOLD_LEARNING_RATE = Intervention(
    name="hold-learning-rate",
    kind="optimizer",
    change="the learning rate held at what it was before it jumped",
    hypothesis="The learning rate jumped, or its schedule started again.",
    price="The schedule has to be planned anew.",
    causes=("schedule-restarted", "learning-rate"),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.attach.append(lambda replica: _hold(replica, setup)),
    fits=_fits,
    plant=lambda setup: setup.attach.append(lambda replica: _jump(replica, setup)),
    slowness=2.0,
)
