"""When a run ends: after its steps, or when its seconds are over.

By the clock the number of steps is estimated again and again from what updates and evaluations take, so that the
schedule comes to its end when the time does. Each change is written down before it is followed (`decisions`). Time is
`time.monotonic`'s: setting the clock changes nothing, and what the system counts while a machine sleeps, counts.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator

from newllm.messages import Message, message
from newllm.training.config_file import save_config
from newllm.training.run import RunDirectory
from newllm.training.schedule import Schedule
from newllm.training.schedule_file import LengthDecision, append_decision, read_decisions

FEW_STEPS = 20
"""Updates below which what a model writes is noise."""
# Time kept for the curves and a sample: a share of all, and at most so many seconds.
CLOSING, LONGEST_CLOSING = 0.05, 5.0
# Seconds between two decisions: `_SOON` of the time since the updates began, at least `_SOONEST` and at most `_OFTEN`
# of the whole time.
_SOONEST, _SOON, _OFTEN = 0.002, 0.2, 0.01
_WORTH = 0.02  # of the steps that are left: a smaller change of the plan is none
_MEMORY = 0.1  # of the time: updates from longer ago count for less in the estimate
_LONG = 10  # times the usual: an update that is remarked on, and counts for no more in the estimate


class Stopwatch:
    """The time that a budget counts.

    Args:
        began: on `time.monotonic`'s clock.
        before: seconds of earlier sessions.
    """

    def __init__(self, began: float, before: float = 0.0) -> None:
        self._began, self.before = began, before

    @property
    def spent(self) -> float:
        """Seconds so far."""
        return self.before + time.monotonic() - self._began


def time_left(seconds: float, watch: Stopwatch) -> float:
    """Return the seconds until a training must be over, so that the curves and a sample find time too."""
    return seconds - min(CLOSING * seconds, LONGEST_CLOSING) - watch.spent


class Pace:
    """Ends a run after its steps; the base of what decides otherwise.

    Attributes:
        given: seconds that this session has; None where the clock decides nothing.
    """

    given: float | None = None

    def begins(self, schedule: Schedule, step: int) -> None:
        """The updates begin, or go on, from a step."""

    def passed(self, step: int) -> list[Message]:  # noqa: ARG002 (an interface)
        """So many updates are done: decide how many there will be, and return what a person should know."""
        return []

    @contextlib.contextmanager
    def pausing(self, *, evaluation: bool) -> Iterator[None]:  # noqa: ARG002 (an interface)
        """An evaluation with its snapshot, or something else whose time is none of an update's."""
        yield

    def finished(self) -> None:
        """All is done and on the disk but for the summary: write down what was decided."""


class ClockPace(Pace):
    """Ends a run when its seconds are over.

    Args:
        run: where decisions are written.
        seconds: in all.
        watch: how many are spent.
        per_step: seconds that an update takes, as far as that is known.
        planned: hears of the number of steps whenever it changes, and of the seconds that are left.
        reached: the step up to which an earlier session followed what is written.
    """

    def __init__(
        self,
        run: RunDirectory,
        seconds: float,
        watch: Stopwatch,
        per_step: float,
        planned: Callable[[int, float], None] = lambda *_: None,
        reached: int = 0,
    ) -> None:
        self.given = max(0.0, seconds - watch.before)
        self._run, self.seconds, self.watch, self._planned = run, seconds, watch, planned
        self._evaluation = 0.0  # seconds of the last one, with its snapshot
        self._pauses = 0.0  # seconds since the last update
        self._steps, self._time = 0.0, 0.0  # of updates lately, whose quotient is the pace
        self._per_step, self._reached, self._sessions = per_step, reached, 0
        self._ready, self._updates = 0.0, 0  # seconds before the first update of this session, and updates in it

    @property
    def left(self) -> float:
        """Seconds until the training must be over, the last evaluation included."""
        return time_left(self.seconds, self.watch)

    def begins(self, schedule: Schedule, step: int) -> None:
        """Begin; what was decided before stands, unless a guard has taken the run back."""
        decisions = read_decisions(self._run.schedule)
        self._schedule, self._first = schedule, step
        self._last = self._began = self._decided = self.watch.spent
        self._pauses = 0.0
        self._held = max(self._reached, decisions[-1].step, decisions[-1].reached) if decisions else step
        self._sessions += 1
        self._ready = self._ready or self._began - self.watch.before
        if not decisions and step < schedule.steps:
            self._write(step, schedule.steps, schedule.warm)
        elif not decisions:
            self._plan(step)
        elif self._sessions > 1:
            self._held = step
            self._plan(step, forced=True)
        elif self._held > decisions[-1].reached:
            append_decision(self._run.schedule, dataclasses.replace(decisions[-1], reached=self._held))

    def passed(self, step: int) -> list[Message]:
        """Take in an update; plan anew where it is time to, and end where the time is over."""
        now = self.watch.spent
        self._updates += 1
        said = self._take(step, now - self._last - self._pauses)
        self._last, self._pauses = now, 0.0
        if step < self._held:
            return said
        ends = step >= self._schedule.steps or self.left - self._evaluation < 0.5 * self._per_step
        if ends:
            return [*said, *self._end(step)]
        due = max(_SOONEST * self.seconds, min(_OFTEN * self.seconds, _SOON * (now - self._began)))
        if step >= self._schedule.steps - 1 or (step > self._first + 1 and now - self._decided >= due):
            self._plan(step)
        return said

    @contextlib.contextmanager
    def pausing(self, *, evaluation: bool) -> Iterator[None]:
        """Measure what is none of an update's time."""
        began = self.watch.spent
        try:
            yield
        finally:
            took = self.watch.spent - began
            self._pauses += took
            self._evaluation = took if evaluation else self._evaluation

    def finished(self) -> None:
        """Write the plan into config.toml, which runs the same updates again, without a clock."""
        config = self._run.load_config()
        save_config(
            dataclasses.replace(config, training=dataclasses.replace(config.training, seconds=0.0)), self._run.config
        )

    def _take(self, step: int, took: float) -> list[Message]:
        if step == self._first + 1:  # it may have compiled, and says little of the others
            self._per_step = min(self._per_step, took) if self._per_step else took
            return []
        usual, known = self._per_step, self._steps >= 1
        forgotten = max(0.0, 1 - took / (_MEMORY * self.seconds))
        self._steps = forgotten * self._steps + 1
        self._time = forgotten * self._time + (min(took, _LONG * usual) if known else took)
        self._per_step = self._time / self._steps
        if not known or took < _LONG * usual or took < CLOSING / 2 * self.seconds:
            return []
        return [message("notice-slow_step", step=step, took=took, usual=usual)]

    def _plan(self, step: int, *, forced: bool = False) -> None:
        """Decide how many steps fit into what is left, where that differs from what was planned."""
        schedule = self._schedule
        self._decided = self.watch.spent
        planned = schedule.steps - step
        fits = schedule.fitting(step, self.left, self._per_step, self._evaluation)
        if forced or abs(fits - planned) > _WORTH * planned:
            self._write(step, step + fits, schedule.warm_after(step, fits))
        self._planned(schedule.steps, self.left)

    def _end(self, step: int) -> list[Message]:
        schedule = self._schedule
        share, rate = schedule.progress(step), schedule.rate(step - 1)
        if step != schedule.steps:
            self._write(step, step, step)
        if self._updates < FEW_STEPS:
            took = {"update": self._per_step, "evaluation": self._evaluation, "ready": self._ready}
            return [message("notice-few_updates", updates=self._updates, seconds=round(self.given or 0.0, 1), **took)]
        return [message("notice-time_over", share=share, rate=rate)] if share < 0.9 else []

    def _write(self, step: int, steps: int, warm: int) -> None:
        elapsed = self.watch.spent
        pace = self._per_step or max(0.0, self.left) / max(1, steps - step)  # before it is measured, what is planned
        append_decision(self._run.schedule, LengthDecision(step, steps, warm, round(elapsed, 3), round(pace, 6)))
        self._schedule.decide(step, steps, warm)
