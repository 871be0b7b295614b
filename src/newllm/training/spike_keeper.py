"""Keeps the states before a spike: watches the losses, holds recent states in memory, writes those before an onset.

When a loss leaves its trend, the newest state at least two steps before that and one older are pinned: a snapshot that
stands already gets a pin.json, a state in memory is written as a snapshot by a thread while the training goes on. A
disk that has no room for it is one notice. A resumed run sees its trace's losses again, so that it knows what it knew;
its memory begins empty, and what stands on the disk serves until it has filled.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from newllm.diagnosis.onset import Onset, OnsetWatch
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.trace import Trace, read_signal
from newllm.training.held import Held
from newllm.training.observer import Past
from newllm.training.pins import Pin, add_pin, content_of, drop_pins, lasting, read_pins
from newllm.training.ring import Ring
from newllm.training.snapshot_writer import SnapshotWriter
from newllm.training.snapshots import PIN, Progress, Tensors, list_snapshots, write_snapshot
from newllm.training.world import LostError, World

SIGNALS = ("loss", "validation_loss")


class SpikeKeeper:
    """Watches, holds and pins for one run.

    Args:
        snapshots: RUN/snapshots.
        trace: of the run so far; absent for a new one.
        every: steps between two states in memory.
        flush: hands the rows of the trace to the system: they stand there before a snapshot of their step.
        notice: tells whoever watches the run.
        world: the processes that train together: where the model is sharded each holds its part; None for this one
            alone.
        writer: writes snapshots of a sharded model; None where it is not.

    Attributes:
        past: what the trace held when the watch began.
    """

    def __init__(
        self,
        snapshots: Path,
        trace: Path,
        every: int,
        flush: Callable[[], None],
        notice: Callable[[Message], None],
        world: World | None = None,
        writer: SnapshotWriter | None = None,
    ) -> None:
        self.snapshots, self.every, self._flush, self._notice = snapshots, every, flush, notice
        self._world = world or World()
        self._snapshots = writer or SnapshotWriter(self._world, snapshots)
        self.ring = Ring(self._world)
        self._watches, self.past = _look_back(trace)
        self._pins = _known_pins(snapshots)
        for place in list_snapshots(snapshots).values():
            if (place / PIN).exists() and not read_pins(place):
                notice(message("notice-pin_damaged", file=str(place / PIN)))
        self._writer: threading.Thread | None = None
        self._failure: str | None = None
        self._has_failed = False

    def see(self, signal: str, step: int, loss: float) -> Onset | None:
        """Take in a loss; pin states where it has left its trend, and return the onset.

        Args:
            signal: one of `SIGNALS`.
            step: of the loss, as in the trace.
            loss: nats per token.
        """
        self._say_failure()
        onset = self._watches[signal].see(step, loss)
        if onset is not None:
            self._pin(Pin(signal, onset))
        return onset

    def hold(self, tensors: Tensors, progress: Progress) -> None:
        """Copy this state into memory; everything of its step is done: it was evaluated where that was due."""
        if self._world.sharded:
            self._world.holds()
        said = self.ring.put(tensors, progress)
        if said is not None:
            self._notice(said)

    def close(self) -> None:
        """Wait for what is being written."""
        self._wait()

    def _pin(self, pin: Pin) -> None:
        if any(pin.is_of(other) for other in self._pins):
            return
        self._wait()
        self._pins = lasting([*self._pins, pin])
        on_disk, in_memory = list_snapshots(self.snapshots), self.ring.steps()
        steps = self._choose([step for step in on_disk.keys() | in_memory.keys() if step <= pin.latest])
        held = [in_memory[step] for step in steps if step not in on_disk]
        try:
            self._flush()
            for step in steps:
                if step in on_disk and step > 0:  # that of step 0 stays anyway
                    add_pin(on_disk[step], pin)
            drop_pins(self.snapshots, self._pins)
        except UserError as error:
            self._failure = str(error)
            return
        self._tell(pin, steps)
        self._start(held, pin)

    def _choose(self, steps: list[int]) -> list[int]:
        """Return the newest step, and the newest that is clearly older; one alone, or none, where no more are there."""
        newest = max(steps, default=0)
        older = max((step for step in steps if step <= newest - self.every), default=min(steps, default=0))
        return sorted({older, newest} & set(steps))

    def _start(self, held: list[Held], pin: Pin) -> None:
        if not held:
            return
        if self._world.sharded:
            self._write_parts(held, pin)
            return
        for state in held:
            state.busy = True
        self._writer = threading.Thread(target=self._write, args=(held, pin), name="newllm-pins")
        self._writer.start()

    def _write_parts(self, held: list[Held], pin: Pin) -> None:
        """Have all processes write their parts of states as snapshots."""
        try:
            newest_first = held[::-1]  # it is worth most
            self._snapshots.save_held(newest_first, content_of([pin]), self._could_not)
        except LostError:
            raise
        except UserError as error:
            self._could_not(error)

    def _write(self, held: list[Held], pin: Pin) -> None:
        """Write states as snapshots; in a thread."""
        try:
            for state in reversed(held):  # the newest first: it is worth most
                write_snapshot(self.snapshots, state.tensors, state.progress, content_of([pin]))
        except (UserError, OSError, MemoryError) as error:
            self._could_not(error)
        finally:
            for state in held:
                state.busy = False

    def _could_not(self, error: Exception) -> None:
        self._failure = str(error) or type(error).__name__

    def _wait(self) -> None:
        self._snapshots.wait()
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        self._say_failure()

    def _say_failure(self) -> None:
        """Say once a run that a state could not be written."""
        failure, self._failure = self._failure, None
        if failure is not None and not self._has_failed:
            self._has_failed = True
            self._notice(message("notice-state_not_kept", failure=failure))

    def _tell(self, pin: Pin, steps: list[int]) -> None:
        """Say what is kept, or that nothing is there to be kept."""
        kept = message("notice-states_kept", steps=[str(step) for step in reversed(steps)])
        kept = kept if steps else message("notice-no_state")
        self._notice(message("notice-left_trend", signal=pin.signal, onset=pin.onset.onset, kept=kept))


def _look_back(trace: Path) -> tuple[dict[str, OnsetWatch], Past]:
    """Return watches that have seen what the trace holds, and that."""
    watches = {name: OnsetWatch() for name in SIGNALS}
    series = {name: read_signal(trace, name) if trace.exists() else Trace().series(name) for name in SIGNALS}
    onsets: dict[str, list[Onset]] = {name: [] for name in SIGNALS}
    for name, watch in watches.items():
        for step, loss in zip(series[name].step.tolist(), series[name].value.tolist(), strict=True):
            onset = watch.see(step, loss)
            if onset is not None:
                onsets[name].append(onset)
    return watches, Past(series["loss"], series["validation_loss"], tuple(onsets["loss"]))


def _known_pins(snapshots: Path) -> list[Pin]:
    pins: list[Pin] = []
    for place in list_snapshots(snapshots).values():
        pins += [pin for pin in read_pins(place) if pin not in pins]
    return lasting(pins)
