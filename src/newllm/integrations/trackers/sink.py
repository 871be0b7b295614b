"""What a tracker has to do: start, take steps, alerts, texts and files, go back, finish.

To write one of your own, derive from `Sink` and name it to --track as MODULE:CLASS.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.extras import check_installed

SEVERITIES = {"note": 1, "warning": 2, "fault": 3}


@dataclasses.dataclass(frozen=True)
class Start:
    """A run that begins or goes on.

    Attributes:
        run: its directory.
        config: nested, plain data.
        step: that it goes on from, 0 at its beginning.
    """

    run: Path
    config: Mapping[str, Any]
    step: int

    @property
    def name(self) -> str:
        """Of the run, as its directory is called."""
        return self.run.name

    def flat(self) -> dict[str, Any]:
        """Return the configuration with names such as "model.width"."""
        return dict(_flat("", self.config))


class Sink:
    """Takes in what happens; the base of all. What it raises is reported and the next call is made all the same.

    Attributes:
        package, lowest, below: which it needs, from which version on, below which one; an empty name for none.
        install: the command that gets it; empty where the extra [track] does.
        lost: steps that were taken and could not be kept after all.
        waiting: steps that were taken and are to be sent yet.
        state: plain data that is there again when the run goes on, as the identity of the tracker's own run; empty at
            the beginning.
    """

    package = ""
    lowest = ""
    below = ""
    install = ""
    lost = 0
    waiting = 0

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def check(self) -> None:
        """Refuse at once what cannot be; called before anything else, and to be quick.

        Raises:
            UserError: the package is missing or of another version, or there are no credentials.
        """
        if self.package:
            check_installed(self.package, "track", self.lowest, self.below, self.install)

    def start(self, start: Start) -> str:  # noqa: ARG002 (an interface)
        """Begin; return in a line how a person looks at it."""
        return ""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Signals of a step, some of them may be NaN or infinite; a step may come again, with other names."""

    def alert(self, step: int, kind: str, severity: str, title: str, text: str) -> None:
        """Something to look at. A tracker without alerts has a text of it, and a number from 1 (note) to 3 (fault)."""
        self.text(step, f"alert/{kind}", f"{title}\n{text}" if text else title)
        self.step(step, {f"alert/{kind}": float(SEVERITIES[severity])})

    def text(self, step: int, name: str, text: str) -> None:
        """A text of a step."""

    def file(self, path: Path) -> None:
        """A file of the run, as it is now."""

    def back(self, step: int) -> None:
        """The training has gone back: what came of later steps did not happen, and comes again."""

    def flush(self) -> None:
        """Called every second, and before the end."""

    def finish(self, status: str) -> None:
        """The end: "finished", "interrupted", "diverged" or "failed", "killed" where nobody said."""


def _flat(prefix: str, values: Mapping[str, Any]) -> Any:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value
