"""The replays of one spike that have been run, and what they come to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from newllm.replays.assessment.assessment import Assessment, Assessor
from newllm.replays.assessment.effect import Pair
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.session.candidates import Candidate
from newllm.replays.session.request import ReplayRequest
from newllm.replays.session.runner import Runner
from newllm.replays.session.starts import Start
from newllm.replays.session.task import Task

SCREENED = 3  # replays of each in the screen
FUTILE = 0.8  # of the null's severity: what leaves that much in every replay so far is not replayed again


@dataclass(frozen=True)
class Trial:
    """The replays of one candidate, and what they came to.

    Attributes:
        candidate: what was tried.
        pairs: its replays beside their nulls.
        confirmed: whether these are the fresh ones.
        seconds: of its replays.
    """

    candidate: Candidate
    pairs: tuple[Pair, ...]
    confirmed: bool
    seconds: float


class ReplayResults:
    """What the replays of one spike came to, and the tasks that ask for more.

    Args:
        runner: holds what was run.
        request: the original and its spike.
        suspect: batches of the original's window (`Task.suspect`).
    """

    def __init__(self, runner: Runner, request: ReplayRequest, suspect: tuple[int, int, int]) -> None:
        self.runner, self.original, self.spike = runner, request.original, request.spike
        self.suspect = suspect
        self._assessor: Assessor | None = None
        self._seen: dict[Task, Assessment] = {}

    def null_task(self, start: Start, replay: int) -> Task:
        """Return a null replay as a task."""
        return Task("", start.step, replay, start.null(), start.onset, start.last_suspect, self.suspect)

    def task(self, candidate: Candidate, replay: int) -> Task:
        """Return a replay with an intervention; its stop depends on its null, which has been run."""
        start = candidate.start
        null = self._assess(self.null_task(start, replay))
        onset = null.severity.onset or start.onset  # the original's, where its null did not spike
        progress, lead = null.progress_before(onset), max(1, onset - start.step)
        if replay < SCREENED:
            slowness = max(one.slowness for one in candidate.changes)
            until = start.screened(progress, lead, slowness, null.height_of(FUTILE))
        else:
            until = start.until(progress, lead)
        return Task(candidate.name, start.step, replay, until, start.onset, start.last_suspect, self.suspect)

    def known(self, start: Start, replays: Iterable[int]) -> list[int]:
        """Return those replays whose null has been run: with no null there is nothing to hold a change against."""
        return [replay for replay in replays if self.runner.get(self.null_task(start, replay)) is not None]

    def is_done(self, task: Task) -> bool:
        """Whether a task has been run, or never can be."""
        return self.runner.get(task) is not None or task.name in self.runner.failed

    def assessments(self, tasks: Sequence[Task]) -> list[Assessment]:
        """Return what those of the tasks come to that have been run."""
        return [self._assess(task) for task in tasks if self.runner.get(task) is not None]

    def _assess(self, task: Task) -> Assessment:
        made = self.runner.get(task)
        assert made is not None, f"no null replay {task.replay} from step {task.start}"
        if self._assessor is None:
            self._assessor = Assessor(self.original, self.spike, made)
        if task not in self._seen:
            self._seen[task] = self._assessor(made)
        return self._seen[task]

    def pair(self, candidate: Candidate, replay: int) -> Pair | None:
        """Return a replay with an intervention beside its null, None unless both have been run."""
        null = self.null_task(candidate.start, replay)
        if self.runner.get(null) is None or self.runner.get(self.task(candidate, replay)) is None:
            return None
        return Pair(self._assess(null), self._assess(self.task(candidate, replay)))

    def trial(self, candidate: Candidate, replays: range, *, confirmed: bool) -> Trial | None:
        """Return those of the replays of a candidate that have been run, None where there are none."""
        pairs = [pair for replay in replays if (pair := self.pair(candidate, replay)) is not None]
        if not pairs:
            return None
        seconds = sum(pair.changed.trajectory.seconds for pair in pairs)
        return Trial(candidate, tuple(pairs), confirmed, seconds)

    def expected(self, name: str, start: Start, steps: float) -> float:
        """Return the seconds that a replay of an intervention should take, by those that were run."""
        known = self.runner.known.items()
        own = [made.seconds for task, made in known if (task.name, task.start) == (name, start.step)]
        if own:
            return sum(own) / len(own)
        made = [trajectory for _, trajectory in known]
        return steps * sum(one.seconds for one in made) / max(1, sum(len(one.steps) for one in made))

    def spiked(self, made: Trajectory) -> bool | None:
        """Whether a replay spiked; None before the first null replay, which says what is healthy."""
        return None if self._assessor is None else self._assessor(made).severity.spiked

    @property
    def signal(self) -> str:
        """The loss that decides."""
        assert self._assessor is not None, "no replay has been assessed yet"
        return self._assessor.signal

    def limit(self) -> float:
        """Return the healthy limit of the loss that decides."""
        assert self._assessor is not None, "no replay has been assessed yet"
        return self._assessor.limits[self.signal]
