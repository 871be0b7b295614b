"""The trackers of one run. None of the methods raises, waits or changes anything, but `check` and `finish`."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsFloat

from newllm.errors import UserError
from newllm.messages import Message
from newllm.tracking.tracker import Tracker

END_SECONDS = 30.0  # that trackers have at the end to send what they were given


class Tracking:
    """Sends what happens to every tracker.

    Args:
        names: from `newllm.tracking.names`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._trackers: list[Tracker] = []
        try:
            self._trackers += map(Tracker, names)
        except OSError as error:
            self.kill()
            raise UserError(f"cannot start the process of a tracker ({error.strerror}): drop --track") from error

    def __bool__(self) -> bool:
        return bool(self._trackers)

    def check(self) -> None:
        """Wait until all can begin.

        Raises:
            UserError: one cannot. None of them has begun then.
        """
        try:
            for tracker in self._trackers:
                tracker.check()
        except BaseException:
            self.kill()
            raise

    def start(self, run: Path, config: Mapping[str, Any], step: int) -> None:
        """The run begins, or goes on.

        Args:
            run: its directory, which the trackers may write into (RUN/trackers, and what they make by themselves).
            config: nested, plain data.
            step: that it goes on from, 0 at its beginning.
        """
        self._send("start", str(run.absolute()), dict(config), step)

    def step(self, step: int, values: Mapping[str, SupportsFloat]) -> None:
        """Signals by name; a step may come more than once, with other names."""
        self._send("step", step, dict(values))

    def alert(self, step: int, severity: str, title: str, text: str) -> None:
        """Something that a person should look at: severity "warning" or "fault"."""
        self._send("alert", step, severity, title, text)

    def text(self, step: int, name: str, text: str) -> None:
        """A text: what the model wrote, a notice."""
        self._send("text", step, name, text)

    def file(self, path: Path) -> None:
        """A file as it is now, where there is one."""
        if path.is_file():
            self._send("file", str(path.absolute()))

    def back(self, step: int) -> None:
        """The training has gone back: what was sent of later steps did not happen, they come again."""
        self._send("back", step)

    def news(self) -> list[Message]:
        """Return what a person should know about the trackers and was not yet given."""
        return [one for tracker in self._trackers for one in tracker.news()]

    def finish(self, status: str) -> None:
        """Let every tracker end its run, and wait for that: all of them together at most `END_SECONDS`."""
        until = time.monotonic() + END_SECONDS
        try:
            for tracker in self._trackers:
                tracker.finish(status, until)
            for tracker in self._trackers:
                tracker.wait(until)
        finally:
            self.kill()

    def kill(self) -> None:
        """End them at once."""
        for tracker in self._trackers:
            tracker.kill()

    def _send(self, *event: Any) -> None:
        for tracker in self._trackers:
            tracker.send(*event)
