"""The states that a run of ours can go back to: those of every so many steps, whatever of them is on the disk.

Which snapshots are there hangs on how often a run was stopped; a decision must not. So the steps are multiples of ten,
and a state that nobody kept is made again from the newest snapshot before it, bit for bit on a CPU.
"""

from collections.abc import Callable

import torch

from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import State
from newllm.replays.subjects.own_run import OwnRun
from newllm.trace import Summary, Trace, Validation
from newllm.training.snapshots import (
    Progress,
    list_snapshots,
    load_progress,
    newest_snapshot,
    snapshot_content,
    write_snapshot,
)

_EVERY = 10  # steps


class RunStates:
    """Finds states, and makes those that are missing.

    Args:
        subject: the run, with what is in force.
        trace: of the run up to now.
        tick: called before every update that a state costs.
    """

    def __init__(self, subject: OwnRun, trace: Trace, tick: Callable[[], None]) -> None:
        self._subject, self._trace, self._tick = subject, trace, tick
        self._made: dict[int, tuple[State, Progress]] = {}

    def steps(self, before: int) -> list[int]:
        """Return the steps before `before` that can be gone back to, rising; 0 is the first."""
        return list(range(0, max(1, before), _EVERY))

    def state(self, step: int) -> State | None:
        """Return the state at a step; None at step 0.

        Raises:
            UserError: a snapshot is damaged.
        """
        snapshot_step, state = self._subject.snapshot(step)
        if snapshot_step == step:
            return state
        if step not in self._made:
            self._made[step] = self._make(snapshot_step, state, step)
        return self._made[step][0]

    def keep(self, step: int) -> None:
        """Have the snapshot of a step on the disk.

        Raises:
            UserError: there is no room.
        """
        directory = self._subject.run.snapshots
        if step in list_snapshots(directory):
            return
        if step == 0:
            return  # it begins at its initialisation
        self.state(step)
        state, progress = self._made[step]
        write_snapshot(directory, snapshot_content(state.model, state.optimizer, state.carried), progress)

    def _make(self, snapshot_step: int, state: State | None, step: int) -> tuple[State, Progress]:
        subject = self._subject
        snapshot = newest_snapshot(subject.run.snapshots, step)
        progress = Progress() if snapshot is None else load_progress(snapshot)
        replica = subject.start(subject.setup(snapshot_step, 0, step, step), state)
        assert isinstance(replica, OwnReplica), "a run of ours is replayed by its own replica"
        with torch.random.fork_rng():
            for done in range(snapshot_step, step):
                self._tick()
                replica.update(done)
        progress.step, progress.tokens = step, progress.tokens + replica.tokens
        self._evaluations(progress, snapshot_step)
        return replica.state(), progress

    def _evaluations(self, progress: Progress, snapshot_step: int) -> None:
        """Put in what the evaluations between the kept step and this one gave."""
        summary = Summary(steps=0, parameters=0, scan_backend="", precision="", device="")
        summary.last_validation = None if progress.last is None else Validation(**progress.last)
        summary.best_validation = None if progress.best is None else Validation(**progress.best)
        losses, bits = self._trace.series("validation_loss"), self._trace.series("validation_bits_per_byte")
        by_step = dict(zip(bits.step.tolist(), bits.value.tolist(), strict=True))
        for step, loss in zip(losses.step.tolist(), losses.value.tolist(), strict=True):
            if snapshot_step < step <= progress.step:
                summary.validated(step, loss, by_step.get(step))
        last, best = summary.last_validation, summary.best_validation
        progress.last = None if last is None else vars(last)
        progress.best = None if best is None else vars(best)
