"""A tracker that keeps its calls in a file of the run, as the text of a module: the tracker's process imports it."""

import json
from pathlib import Path

KEEPS = """
import json
from newllm.integrations.trackers.sink import Sink

class Keeps(Sink):
    def start(self, start):
        self.kept = open(start.run / "calls.data", "a", buffering=1)
        self.state = {"sessions": self.state.get("sessions", 0) + 1}
        print("said on standard output")
        self.put("start", str(start.run), dict(start.config), start.step, self.state["sessions"])
        return "look here"
    def put(self, *call):
        self.kept.write(json.dumps(call, default=str) + "\\n")
    def step(self, *given):
        self.put("step", *given)
    def alert(self, *given):
        self.put("alert", *given)
    def text(self, *given):
        self.put("text", *given)
    def file(self, path):
        self.put("file", path.name)
    def back(self, step):
        self.put("back", step)
    def finish(self, status):
        self.put("finish", status)
"""


def calls(run: Path, kind: str = "") -> list[list]:
    """Return the calls that were kept of a run, or what those of one kind were given."""
    every = [json.loads(line) for line in (run / "calls.data").read_text().splitlines()]
    return [call[1:] if kind else call for call in every if not kind or call[0] == kind]
