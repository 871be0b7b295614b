"""What the engines that reach other machines share: the driver's file, and what comes back from a task."""

import pickle
import secrets
import shutil
import sys
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

from newllm.engines.node import Driver
from newllm.engines.pool import Job, Pool, Result, Task
from newllm.errors import UserError
from newllm.files import make_directory, write_bytes

FOLDER = ".engine"
"""Where the driver's file is, and what an engine keeps, in the directory that the results go to. Gone at the end."""


class RemotePool(Pool[Task, Result]):
    """Workers that may be on other machines.

    Args:
        engine: its name, for what is said.
        work: called in a worker with a task. It is sent as a pickle: of importable modules.
        number: of tasks that run at a time, at most.
        prepare: called once in a worker process before its first task.
        directory: that the results go to, which all machines must share.

    Raises:
        UserError: the directory cannot be written.
    """

    def __init__(
        self,
        engine: str,
        work: Callable[[Task], Result],
        number: int,
        prepare: Callable[[], object],
        directory: Path,
    ) -> None:
        super().__init__(number)
        self._engine, self._folder = engine, directory.absolute() / FOLDER
        make_directory(self._folder)
        file = self._folder / "driver"
        sent = pickle.dumps((work, prepare))
        self._driver = Driver(file, secrets.token_hex(16), str(Path.cwd()), tuple(sys.path), sent)
        write_bytes(file, self._driver.token.encode())

    def _came_back(self, job: Job, outcome: tuple[str, bytes]) -> None:
        """Take in what `node.run` returned.

        Raises:
            UserError: a machine can run no task.
        """
        kind, said = outcome
        if kind == "answer":
            self._answered(job, said)
        elif kind == "unshared":
            raise UserError(
                f"the machine '{said.decode()}' does not see '{self._folder.parent}': with --engine {self._engine} it "
                "must be on a file system that all machines share"
            )
        else:
            raise UserError(
                f"no task can be run on {said.decode()}: with --engine {self._engine} every machine needs the same "
                "installation as this one"
            )

    def _end(self) -> None:
        """Let go of the driver's file, which ends what runs, then end what has not ended."""
        if self._folder.is_dir():
            self._driver.file.unlink(missing_ok=True)
            self._end_all()
            shutil.rmtree(self._folder, ignore_errors=True)

    @abstractmethod
    def _end_all(self) -> None:
        """Wait `GRACE` seconds for the tasks that run, then kill them."""
