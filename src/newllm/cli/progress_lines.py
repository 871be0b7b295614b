"""How far the replays of a run are, for a program: JSON lines on a stream of their own."""

import json
import os
from typing import Any

from newllm.errors import UserError
from newllm.messages import Message
from newllm.replays.watcher import Watcher
from newllm.trace import Tried


class ProgressLines(Watcher):
    """Writes an object a line, each with its "event", the name of the watcher's method that it stands for.

        {"event": "planned", "stage": "screen", "replays": 40}
        {"event": "replayed", "stage": "screen", "name": "sgd", "replay": 2, "spiked": false, "seconds": 0.8}
        {"event": "tried", "stage": "screened", "name": "sgd", "outcome": "removes", "spiked": 0, "n": 3}
        {"event": "noticed", "text": "...", "message": {"id": "...", "parameters": {}}}

    Args:
        descriptor: an open file descriptor. If its reader goes away, the replays go on and nothing more is written.

    Raises:
        UserError: it is not open for writing.
    """

    def __init__(self, descriptor: int) -> None:
        try:
            os.write(descriptor, b"")  # fails where it is not open for writing, and writes nothing
        except (OSError, OverflowError) as error:
            raise UserError(
                f"--progress-fd {descriptor} is not open for writing: name the number of a pipe or file that is, "
                f"as in --progress-fd 3 3> progress.jsonl"
            ) from error
        self._descriptor: int | None = descriptor

    def noticed(self, said: Message) -> None:
        """Write something that a person should know, in English and as data."""
        self._write("noticed", text=str(said), message=said.as_dict())

    def planned(self, stage: str, replays: int) -> None:
        """Write that a stage begins or goes on, with the replays that all of it may take."""
        self._write("planned", stage=stage, replays=replays)

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:
        """Write one replay."""
        self._write("replayed", stage=stage, name=name, replay=replay, spiked=spiked, seconds=round(seconds, 3))

    def tried(self, tried: Tried) -> None:
        """Write what an intervention did so far."""
        self._write(
            "tried", stage=tried.stage, name=tried.name, outcome=tried.effect_class, spiked=tried.spiked, n=tried.n
        )

    def _write(self, event: str, **values: Any) -> None:
        if self._descriptor is None:
            return
        line = memoryview(json.dumps({"event": event, **values}).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:  # nobody reads any more
            self._descriptor = None
