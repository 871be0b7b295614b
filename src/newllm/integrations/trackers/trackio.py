"""trackio: a run in the project "newllm" (or $TRACKIO_PROJECT), in its local base or wherever its own variables say.

trackio keeps every row of a step that comes twice; the later row is the one that counts, and `rollbacks` says how
often a training went back.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.integrations.trackers.sink import Sink, Start


class TrackioSink(Sink):
    """Writes into trackio's base."""

    package = "trackio"
    lowest = "0.38"
    below = "1"

    def start(self, start: Start) -> str:
        """Begin a run, or go on with the one from before."""
        import trackio

        project = os.environ.get("TRACKIO_PROJECT", "newllm")
        self.state = self.state or {"name": f"{start.name}-{secrets.token_hex(3)}", "rollbacks": 0}
        aside: dict[str, Any] = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        config = {**start.config, "run": str(start.run)}
        self._run: Any = trackio.init(project, name=self.state["name"], config=config, resume="allow", **aside)
        return f"trackio show --project {project}, run {self.state['name']}"

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Log a row."""
        self._run.log(dict(values), step=step)

    def alert(self, step: int, kind: str, severity: str, title: str, text: str) -> None:  # noqa: ARG002 (an interface)
        """Raise an alert of trackio's."""
        import trackio

        level = trackio.AlertLevel.ERROR if severity == "fault" else trackio.AlertLevel.WARN
        self._run.alert(title=title, text=text, level=level, step=step)

    def text(self, step: int, name: str, text: str) -> None:
        """Log a text as Markdown."""
        import trackio

        self._run.log({name: trackio.Markdown(text)}, step=step)

    def file(self, path: Path) -> None:
        """Keep a file as an artifact of the run."""
        self._run.log_artifact(str(path), name=f"{self.state['name']}-{path.name}", type="run")

    def back(self, step: int) -> None:
        """Count it: rows of steps that come again are both kept."""
        self.state = {**self.state, "rollbacks": self.state["rollbacks"] + 1}
        self.step(step, {"rollbacks": self.state["rollbacks"]})

    def finish(self, status: str) -> None:
        """Say how it ended and wait until all is written."""
        self.text(0, "status", status)
        self._run.finish()
