"""What has been replayed of one spike, RUN/replays/step-N/. A replay that is there is never run again.

Its files:

    replay.json                  what the directory belongs to
    states/step-N.safetensors    the states that replays begin from
    trajectories/*.json          one file a replay
    verdict.json                 what they show together
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from newllm.checksum import KEY, read_checked, sealed, write_checked
from newllm.errors import UserError
from newllm.files import make_directory, remove_leftovers, to_json, write_bytes, writing
from newllm.generation.fingerprint import digest
from newllm.replays.replica.replica import State
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.session.task import Task
from newllm.storage import hold, measured, trim
from newllm.trace import Verdict
from newllm.trace.replay_states import LIMIT
from newllm.training.environment import kind_of

SCHEMA = 1


class Store:
    """The replays of one spike, on disk; in memory where there is no directory.

    Args:
        directory: the directory, made where it is absent; None keeps everything in memory.
        subject: what tells the spike of one run from all others: plain data.

    Raises:
        UserError: the directory holds the replays of another run, or cannot be written.
    """

    def __init__(self, directory: Path | None, subject: dict[str, Any]) -> None:
        self.directory = directory
        self._trajectories: dict[str, dict[str, Any]] = {}
        self._states: dict[int, State] = {}
        if directory is None:
            return
        for part in (directory, directory / "states", directory / "trajectories"):
            make_directory(part)
            with writing(part):
                remove_leftovers(part)
        self._own({"schema": SCHEMA, **subject})

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Let no other process remove the states (`newllm.storage`)."""
        let_go = (lambda: None) if self.directory is None else hold(self.directory / "states")
        try:
            yield
        finally:
            let_go()

    def _own(self, subject: dict[str, Any]) -> None:
        assert self.directory is not None
        file = self.directory / "replay.json"
        try:
            before = read_checked(file)
        except FileNotFoundError:
            write_checked(file, subject)
            return
        except (OSError, ValueError) as error:
            raise UserError(f"'{file}' is damaged: remove '{self.directory}' to replay anew") from error
        if before != json.loads(to_json(subject)):
            raise UserError(f"'{self.directory}' holds replays of another run or version: remove it to replay anew")

    def get(self, task: Task) -> dict[str, Any] | None:
        """Return the trajectory of a task, None where it has not been run.

        A damaged file counts as that, and one from another kind of processor: its bits are not to be compared.
        """
        if self.directory is None:
            return self._trajectories.get(task.key)
        try:
            data = read_checked(self._file(task))
            kept = {name: item for name, item in data.items() if name not in ("task", "place")}
            Trajectory.from_dict(kept)
            if kind_of(data.get("place")) != kind_of(None):
                return None
        except (OSError, ValueError, AttributeError):
            return None
        return kept

    def put(self, task: Task, data: dict[str, Any], place: Mapping[str, str] | None = None) -> None:
        """Keep a trajectory, on disk with its task: a reader cannot tell a reverse test by the file's name.

        Args:
            task: what was replayed.
            data: what came of it.
            place: where a worker ran it (`describe_place`).

        Raises:
            UserError: there is no room.
        """
        if self.directory is None:
            self._trajectories[task.key] = data
        else:
            content = {"task": task.as_dict(), **({} if place is None else {"place": dict(place)}), **data}
            write_bytes(self._file(task), sealed(content), durable=False)

    def keep_state(self, step: int, state: State) -> None:
        """Keep a state that replays begin from.

        Raises:
            UserError: there is no room.
        """
        if self.directory is None:
            self._states[step] = state
            return
        tensors: dict[str, Tensor] = {
            f"{part}:{name}": value.detach().cpu().contiguous()
            for part in ("model", "optimizer", "carried")
            for name, value in getattr(state, part).items()
        }
        write_bytes(self._state_file(step), safetensors.torch.save(tensors, {KEY: digest("", tensors)}))

    def has_state(self, step: int) -> bool:
        """Whether there is a state at a step; step 0 needs none, and a damaged one is made again."""
        if step == 0 or step in self._states:
            return True
        try:
            return self.directory is not None and _read_state(self._state_file(step)) is not None
        except (OSError, ValueError):
            return False

    def state(self, step: int) -> State | None:
        """Return the state at a step, None at step 0.

        Raises:
            UserError: the file is damaged.
        """
        if step == 0:
            return None
        if step in self._states:
            return self._states[step]
        assert self.directory is not None, f"no state was kept at step {step}"
        file = self._state_file(step)
        try:
            return _read_state(file)
        except (OSError, ValueError) as error:
            raise UserError(f"'{file}' is damaged: remove it, the same command makes it again") from error

    def verdict(self) -> Verdict | None:
        """Return the verdict that stands there, None where there is none, or none of this version."""
        return None if self.directory is None else read_verdict(self.directory)

    def write(self, verdict: Verdict) -> bool:
        """Write verdict.json, and keep the states of all spikes of the run within their limit: the oldest go.

        A verdict that shows more stays.

        Returns:
            Whether it was written.

        Raises:
            UserError: there is no room.
        """
        if self.directory is None:
            return True
        earlier = self.verdict()
        is_kept = earlier is not None and _how_much_it_shows(earlier) > _how_much_it_shows(verdict)
        if not is_kept:
            write_checked(self.directory / "verdict.json", verdict.as_dict())
        trim(measured(self.directory.parent.glob("step-*/states")), LIMIT)
        return not is_kept

    def _file(self, task: Task) -> Path:
        assert self.directory is not None
        return self.directory / "trajectories" / f"{task.key}.json"

    def _state_file(self, step: int) -> Path:
        assert self.directory is not None
        return self.directory / "states" / f"step-{step:08d}.safetensors"


def read_verdict(directory: Path) -> Verdict | None:
    """Return the verdict of the replays of a spike, None where there is none, or none of this version."""
    try:
        return Verdict.from_dict(read_checked(directory / "verdict.json"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _how_much_it_shows(verdict: Verdict) -> tuple[bool, int, int, bool]:
    """Return how much a verdict shows: the replays are the run, what was confirmed, what was tried, a cause.

    A cause comes last: a verdict that tried more and no longer names it has withdrawn it.
    """
    confirmed = [one.stage == "confirmed" for one in verdict.interventions]
    return verdict.identical, sum(confirmed), len(confirmed), verdict.cause is not None


def _read_state(file: Path) -> State:
    """Read a state that `Store.keep_state` wrote; one without a checksum is from before there were any.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    raw = file.read_bytes()
    try:
        tensors = safetensors.torch.load(raw)
        written = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")]).get("__metadata__", {})
    except safetensors.SafetensorError as error:
        raise ValueError("no tensors") from error
    if KEY in written and written[KEY] != digest("", tensors):
        raise ValueError("not what was written")
    split: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "carried": {}}
    for path, value in tensors.items():
        part, _, name = path.partition(":")
        if part not in split:
            raise ValueError(f"a tensor '{path}'")
        split[part][name] = value
    return State(**split)
