"""One replay as plain data, and what runs it."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

from newllm.files import to_json
from newllm.replays.assessment.dampening import climb
from newllm.replays.interventions import INTERVENTIONS, Intervention
from newllm.replays.interventions.intervention import Change
from newllm.replays.replica.replica import State
from newllm.replays.replica.subject import Subject
from newllm.replays.replica.trajectory import Until, follow
from newllm.trace.verdict import TOGETHER

_NAMES_IN_KEY = {"last_suspect": "peak"}  # fields as the first replays on disk had them


@dataclass(frozen=True)
class Task:
    """One replay.

    Attributes:
        name: of the intervention, two joined by " + "; "" for none.
        start: the step that it begins from.
        replay: number of its chance; 0 is the original's.
        until: when it stops.
        onset, last_suspect: of the spike, or of the segment that a cause is injected into (`Setup.window`).
        suspect: batches of the original's window: the first, that of the onset, and the one behind the last.
        variant: "applied" the intervention, or "injected" its cause. Where a cause cannot be injected while the run
            goes on, it is injected into another healthy configuration; "stable" is that configuration alone.
        settings: that are injected, by place (`replica.settings`).
        climbs: updates, counted from the onset, with the gradient reversed: a control spike (`assessment.dampening`).
    """

    name: str
    start: int
    replay: int
    until: Until
    onset: int
    last_suspect: int
    suspect: tuple[int, int, int]
    variant: Literal["applied", "stable", "injected"] = "applied"
    climbs: int = 0
    settings: tuple[tuple[str, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data as it is kept on disk, where what is injected is "planted"."""
        fields = {**dataclasses.asdict(self), "variant": "planted" if self.variant == "injected" else self.variant}
        if not self.settings:
            del fields["settings"]
        if self.climbs:
            return {**fields, "variant": "control"}
        del fields["climbs"]
        return fields

    @property
    def key(self) -> str:
        """A name for its file: the same task has the same, under the field names of the first replays on disk."""
        fields = {_NAMES_IN_KEY.get(name, name): value for name, value in self.as_dict().items()}
        what = to_json(fields).encode()
        words = self.name.replace(TOGETHER, "+") or "null"
        return f"{words}-from-{self.start}-replay-{self.replay}-{hashlib.sha256(what).hexdigest()[:12]}"


class Replayer:
    """Runs tasks on one subject.

    Args:
        subject: what is replayed, or a function of no argument that gives it: called when it is first needed.
        state: from a step to the state there; None at step 0.
    """

    def __init__(self, subject: Subject | Callable[[], Subject], state: Callable[[int], State | None]) -> None:
        self._given, self._state = subject, state
        self._subject: Subject | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what a worker makes for itself."""
        return {**vars(self), "_subject": None}

    def __call__(self, task: Task, before_update: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """Return the trajectory of a task as plain data.

        Args:
            task: what is replayed.
            before_update: called before every update; what it raises ends the replay.

        Raises:
            UserError: the intervention cannot be made here, or there is no memory.
        """
        if self._subject is None:
            self._subject = self._given if isinstance(self._given, Subject) else self._given()
        subject = self._subject
        setup = subject.setup(task.start, task.replay, task.onset, task.last_suspect)
        first, setup.suspect_onset, behind = task.suspect
        setup.suspect, setup.suspect_settings = range(first, behind), dict(task.settings)
        for one in parts(task.name):
            for change in _changes(INTERVENTIONS[one], task.variant):
                change(setup)
        if task.climbs:
            climb(setup, task.climbs)
        with _restoring_global_settings():
            replica = subject.start(setup, self._state(task.start))
            return follow(replica, task.start, task.until, before_update).as_dict()


def _changes(intervention: Intervention, variant: str) -> list[Change]:
    if variant == "applied":
        return [intervention.apply]
    injected = [] if variant == "stable" or intervention.inject is None else [intervention.inject]
    return ([] if intervention.stable is None else [intervention.stable]) + injected


def parts(name: str) -> list[str]:
    """Return the interventions that a name stands for."""
    return name.split(TOGETHER) if name else []


@contextlib.contextmanager
def _restoring_global_settings() -> Iterator[None]:
    """Put back what an intervention may set for the whole process, and torch's chance."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
