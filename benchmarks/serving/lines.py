"""A process that answers a line with a line, kept on cores of its own."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CORES = sorted(os.sched_getaffinity(0))
"""Of this machine, as far as this process may use them."""


class LineProcess:
    """A process that reads tasks and answers each.

    Args:
        command: what to run.
        core: the only one that it may use; None for all.
        environment: further variables.
    """

    def __init__(self, command: list[str], core: int | None = None, **environment: str) -> None:
        self._process = subprocess.Popen(
            [*pinned(core), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        self._name = Path(command[1]).name

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def ask(self, task: Any) -> dict[str, Any]:
        """Return the answer to a task."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()


def pinned(core: int | None) -> list[str]:
    """Return what stands in front of a command that may use one core only."""
    return [] if core is None else ["taskset", "-c", str(core)]
