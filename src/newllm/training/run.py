"""The run directory: where a run's files are, who may write them, and that no run is overwritten.

RUN/config.toml  data.json  tokenizer.json  trace.jsonl  snapshots/  summary.json  training_curves.png
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from newllm.errors import UserError
from newllm.files import remove_leftovers, write_json, writing
from newllm.training.config import RunConfig, left_automatic
from newllm.training.config_file import load_config, save_config
from newllm.training.snapshots import list_snapshots

_TEMPORARY = re.compile(r"\..*\.tmp")  # as `newllm.files` names what is not whole yet


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
        self.trace = path / "trace.jsonl"
        self.snapshots = path / "snapshots"
        self.summary = path / "summary.json"
        self.curves = path / "training_curves.png"
        self.standard_input = path / "standard-input.txt"

    def check_free(self) -> None:
        """Raise UserError unless a new run may be made here."""
        with writing(self.path):
            taken = self.config.exists()
        if taken:
            raise UserError(
                f"'{self.path}' holds a run already: choose another --out, or go on with --resume {self.path}"
            )
        with writing(self.path):
            for place in (self.path, *self.path.parents):
                if place.exists() and not place.is_dir():
                    raise UserError(f"'{place}' is a file: choose another --out")
            there = {item.name for item in self.path.iterdir()} if self.path.is_dir() else set()
        if there and not self._half_started(there):
            raise UserError(f"'{self.path}' is not empty and holds no run: choose another --out")

    def _half_started(self, names: set[str]) -> bool:
        """Whether these are what a start that was killed leaves: a lock, and nothing that is not written anew."""
        own = {".lock", self.data.name, self.tokenizer.name, self.standard_input.name}
        return ".lock" in names and all(name in own or _TEMPORARY.fullmatch(name) for name in names)

    def check_fresh(self) -> None:
        """Raise UserError if another process made a run here since `check_free`."""
        if self.config.exists():
            raise UserError(f"'{self.path}' was just taken by another run: choose another --out")

    def create(self) -> None:
        """Make the directory."""
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def describe(self, config: RunConfig, data_report: dict[str, Any]) -> None:
        """Write what the run is: data.json, and config.toml last, whose presence says that a run is here."""
        write_json(self.data, data_report)
        save_config(config, self.config)

    def load_config(self) -> RunConfig:
        """Read config.toml.

        Raises:
            UserError: there is no run here.
        """
        if not self.config.is_file():
            raise UserError(f"'{self.path}' holds no run (no config.toml): give a directory that newllm train wrote")
        config = load_config(self.config)
        config.check()
        if left := left_automatic(config):
            raise UserError(f"'{self.config}' is damaged: it does not say {left}: put back what newllm train wrote")
        return config

    def last_step(self) -> int | None:
        """Return the step of the last whole snapshot, or None."""
        return max(list_snapshots(self.snapshots), default=None)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only process that writes this run.

        Raises:
            UserError: another process trains here.
        """
        lock = filelock.FileLock(self.path / ".lock", blocking=False)
        try:
            with writing(self.path):
                lock.acquire()
        except filelock.Timeout as error:
            raise UserError(f"'{self.path}' is being trained by another process: wait for it, or stop it") from error
        try:
            for directory in (self.path, self.snapshots):
                remove_leftovers(directory)
            yield
        finally:
            lock.release()
