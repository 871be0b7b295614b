"""A tracker of one's own: a CSV beside the run.

PYTHONPATH=examples newllm train my-text.txt --track own_tracker:Table
"""

import csv
from collections.abc import Mapping

from newllm.integrations.trackers.sink import Sink, Start


class Table(Sink):
    """Writes step, name and value of everything into RUN/values.csv, and alerts as comments."""

    def start(self, start: Start) -> str:
        """Open the file; a run that goes on adds to it."""
        path = start.run / "values.csv"
        self._file = path.open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        return f"see {path}"

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step."""
        self._rows.writerows((step, name, value) for name, value in values.items())

    def alert(self, step: int, kind: str, severity: str, title: str, text: str) -> None:
        """Write a comment."""
        self._file.write(f"# {severity} at step {step}, {kind}: {title}: {text}\n")

    def flush(self) -> None:
        """Hand everything to the disk; called every second."""
        self._file.flush()

    def finish(self, status: str) -> None:
        """Close the file."""
        self._file.write(f"# {status}\n")
        self._file.close()
