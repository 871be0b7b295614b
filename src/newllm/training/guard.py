"""What may stop a run and take it back. The loop knows only this; `newllm.replays` has what decides.

A run is taken back by its files alone: the decision is written to RUN/recoveries.json first, then what lies behind the
step is removed, and training goes on as after --resume. A kill in between is mended by the next start.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from newllm.diagnosis.onset import Onset
from newllm.files import make_directory, remove_directory, sync_directory, write_bytes, writing
from newllm.messages import Message
from newllm.trace import Recovery, TraceWriter, load_recoveries, rows_after, save_recoveries, truncate_after
from newllm.training.recording import Signals
from newllm.training.run import RunDirectory
from newllm.training.snapshots import list_snapshots
from newllm.training.step import Stepper

SIGNAL = "recovery"


class Guard:
    """Watches nothing; the base of what does.

    Attributes:
        watches: whether it is to be asked about onsets.
    """

    watches: bool = False

    def attach(self, stepper: Stepper, step: int) -> None:
        """Put in force what was decided earlier, before the state at `step` is put back into a fresh training."""

    def restored(self, stepper: Stepper) -> None:
        """The state is put back: put in force what begins right here."""

    def stepping(self, stepper: Stepper, step: int) -> Signals:  # noqa: ARG002 (an interface)
        """The update that leads from `step` to `step + 1` begins; return signals of `step`."""
        return {}

    def given_up(self) -> Message | None:
        """Return why no further update may be done, None where one may."""
        return None

    def decide(self, onset: Onset, tick: Callable[[], None]) -> Recovery | None:  # noqa: ARG002 (an interface)
        """Return what is done about a training loss that has left its trend; it is written down by then.

        Args:
            onset: what was seen. The trace holds all rows up to it, RUN/snapshots the states before it.
            tick: called now and then while the decision takes its time; what it raises ends it.

        Returns:
            None where there is nothing to be told.
        """
        return None


def commit(run: RunDirectory, recoveries: Sequence[Recovery]) -> None:
    """Write down what was decided last. From here on it holds, whatever happens.

    The rows of the trace that will be cut off are written to RUN/recoveries/ first.

    Raises:
        UserError: there is no room. Nothing has been changed then.
    """
    run.check_lock()
    last = recoveries[-1]
    if last.back is not None:
        make_directory(run.abandoned)
        rows = rows_after(run.trace, last.back)
        write_bytes(run.abandoned / f"attempt-{last.number}.jsonl", b"".join(rows))
    save_recoveries(run.recoveries, recoveries)


def take_back(run: RunDirectory) -> Recovery | None:
    """Take a run back to where the last recovery says, if that was not done to its end; return that recovery.

    Who has the lock may call this, with the trace closed. Called again after a kill it does what is left.

    Raises:
        UserError: there is no room, or recoveries.json is damaged.
    """
    run.check_lock()
    recoveries = load_recoveries(run.recoveries)
    if not recoveries or recoveries[-1].done:
        return None
    last = recoveries[-1]
    assert last.back is not None, "a recovery that is not done goes back"
    for step, place in reversed(list_snapshots(run.snapshots).items()):
        if step > last.back:
            remove_directory(place)
    with writing(run.snapshots):
        sync_directory(run.snapshots)  # "done" must not outlive what was given up
    truncate_after(run.trace, last.back)
    with TraceWriter(run.trace) as trace:
        trace.write(last.back, **{SIGNAL: last.number})
        trace.sync()
    save_recoveries(run.recoveries, [*recoveries[:-1], dataclasses.replace(last, done=True)])
    return last


def summarise_recoveries(run: RunDirectory) -> list[dict[str, Any]]:
    """Return what summary.json says of a run's recoveries.

    Raises:
        UserError: recoveries.json is damaged.
    """
    names = ("number", "policy", "action", "remedy", "detected", "onset", "back", "in_force", "sentence")
    return [{name: getattr(one, name) for name in names} for one in load_recoveries(run.recoveries)]
