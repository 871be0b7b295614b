"""The run directory: where a run's files are, who may write them, and that no run is overwritten.

RUN/config.toml  data.json  tokenizer.json  recording.json  trace.jsonl  samples.jsonl  snapshots/  summary.json
    training_curves.png  schedule.jsonl  (of a run by the clock)
    recoveries.json  recoveries/  (where a guard was at work)
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from newllm.checksum import write_checked
from newllm.errors import UserError
from newllm.files import checking, remove_leftovers, writing
from newllm.training.config import RunConfig, left_automatic
from newllm.training.config_file import load_config, save_config
from newllm.training.schedule_file import read_decisions, with_decisions
from newllm.training.snapshots import list_snapshots

LOCK = ".lock"
_TEMPORARY = re.compile(r"\..*\.tmp")  # as `newllm.files` names what is not whole yet


class BusyError(UserError):
    """Another process has this run directory."""


class RunDirectory:
    """The places of a run's files.

    Args:
        path: the directory; it may be absent still.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.data = path / "data.json"
        self.tokenizer = path / "tokenizer.json"
        self.recording = path / "recording.json"
        self.trace = path / "trace.jsonl"
        self.schedule = path / "schedule.jsonl"
        self.samples = path / "samples.jsonl"
        self.snapshots = path / "snapshots"
        self.summary = path / "summary.json"
        self.recoveries = path / "recoveries.json"
        self.abandoned = path / "recoveries"
        self.curves = path / "training_curves.png"
        self.standard_input = path / "standard-input.txt"
        self._lock: tuple[int, int] | None = None  # device and inode of the lock, while this process has it

    def check_free(self) -> None:
        """Raise UserError unless a new run may be made here: the place is absent, empty, or a killed start left it."""
        with writing(self.path):
            for place in (self.path, *self.path.parents):
                if place.is_symlink() and not place.exists():
                    raise UserError(f"'{place}' is a link that leads nowhere: choose another --out, or mend the link")
                if place.exists() and not place.is_dir():
                    raise UserError(f"'{place}' is a file: choose another --out")
            names = self.names()
        if self.config.name in names:
            raise UserError(
                f"'{self.path}' holds a run already: choose another --out, or go on with --resume {self.path}"
            )
        if names and not (LOCK in names and all(map(self.is_of_a_start, names))):
            raise UserError(f"'{self.path}' is not empty and holds no run: choose another --out")

    def names(self) -> set[str]:
        """Return the names of all that is in the directory, none where there is no directory."""
        return {item.name for item in self.path.iterdir()} if self.path.is_dir() else set()

    def is_of_a_start(self, name: str) -> bool:
        """Whether a start writes a file of this name before config.toml, and writes it anew the next time."""
        own = {LOCK, self.data.name, self.tokenizer.name, self.standard_input.name, self.summary.name}
        return name in own or _TEMPORARY.fullmatch(name) is not None

    def describe(self, config: RunConfig, data_report: dict[str, Any]) -> None:
        """Write what the run is: data.json, and config.toml last, whose presence says that a run is here."""
        self.check_lock()
        write_checked(self.data, data_report)
        save_config(config, self.config)

    def load_config(self, *, clock_decisions: bool = True) -> RunConfig:
        """Read config.toml, and what the clock has decided so far of a run that it ends.

        Args:
            clock_decisions: False leaves out what the clock has decided: to load a model takes no schedule.jsonl.

        Raises:
            UserError: there is no run here, or what the clock has decided is damaged or missing.
        """
        if not self.config.is_file():
            raise UserError(f"'{self.path}' holds no run (no config.toml): give a directory that newllm train wrote")
        config = load_config(self.config)
        config.check()
        if left := left_automatic(config):
            raise UserError(f"'{self.config}' is damaged: it does not say {left}: put back what newllm train wrote")
        if not (clock_decisions and config.training.seconds):
            return config
        decisions = read_decisions(self.schedule)
        if not decisions and (self.last_step() or 0) > config.training.plan[-1][0]:
            raise UserError(f"'{self.schedule}' is missing: put it back, it says how the run was trained so far")
        return with_decisions(config, decisions)

    def last_step(self) -> int | None:
        """Return the step of the last whole snapshot, or None."""
        return max(list_snapshots(self.snapshots), default=None)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only process that writes this run.

        Raises:
            BusyError: another process trains here.
        """
        lock = filelock.FileLock(self.path / LOCK, blocking=False)
        try:
            with writing(self.path):
                lock.acquire()
        except filelock.Timeout as error:
            raise BusyError(f"'{self.path}' is being trained by another process: wait for it, or stop it") from error
        except FileNotFoundError as error:
            raise BusyError(f"'{self.path}' was just taken away by another process: try again") from error
        try:
            self._lock = self._lock_there()
            if self._lock is None:  # whoever had it gave the place up in this moment
                raise BusyError(f"'{self.path}' was just taken away by another process: try again")
            with checking(self.path, self.check_lock):
                yield
        finally:
            self._lock = None
            lock.release()

    def check_lock(self) -> None:
        """Refuse to write when the lock that was taken is not there any more: somebody removed it while we stood still.

        Whoever wrote here since must not be overwritten. It costs one look at a file name; without a lock, nothing.

        Raises:
            BusyError: there is none, or another one.
        """
        if self._lock is not None and self._lock_there() != self._lock:
            raise BusyError(
                f"'{self.path / LOCK}' was removed while this process had it, another may write the run now: nothing "
                "more is written here; go on with --resume when no other process does"
            )

    def _lock_there(self) -> tuple[int, int] | None:
        try:
            found = (self.path / LOCK).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def remove_leftovers(self) -> None:
        """Remove what a killed process left half written. Only who has the lock may call this."""
        for directory in (self.path, self.snapshots, self.abandoned, *list_snapshots(self.snapshots).values()):
            remove_leftovers(directory)
