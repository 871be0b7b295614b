"""Cells of a benchmark in processes of their own: none disturbs another, and each may be too slow or too large.

A child reads its task as JSON from its command line and prints its result as JSON in its last line.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OVER_THE_CAP, OUT_OF_MEMORY = 70, 71
_REASONS = {
    OVER_THE_CAP: "over the cap",
    OUT_OF_MEMORY: "out of memory",
    -9: "out of memory",  # the system's own killer
}
_OF_MEMORY = ("allocate memory", "enough memory", "bad_alloc")
"""What torch says where an allocation fails."""


def run(script: str | Path, task: dict[str, Any]) -> dict[str, Any]:
    """Run a script on a task, in a process of its own.

    Returns:
        What it printed, or {"failed": why}.
    """
    command = [sys.executable, str(script), json.dumps(task)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return json.loads(ended.stdout.splitlines()[-1])
    if ended.returncode in _REASONS:
        return {"failed": _REASONS[ended.returncode]}
    lines = ended.stderr.strip().splitlines() or [f"exit {ended.returncode}"]
    return {"failed": lines[-1][:300]}


def task() -> dict[str, Any]:
    """Return the task that this process was started with."""
    return json.loads(sys.argv[1])


def answer(result: dict[str, Any]) -> None:
    """Print the result of the task."""
    print(json.dumps(result))


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """End this process with its own exit code where memory ran out inside."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _OF_MEMORY):
            os._exit(OUT_OF_MEMORY)
        raise


class Capped:
    """Ends this process if what runs inside takes longer than `seconds`: a call into C++ cannot be stopped otherwise.

    Args:
        seconds: the cap.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, os._exit, (OVER_THE_CAP,))
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
