"""What a command tells of its progress, as the page shows it: from the JSON lines of `cli.progress_lines`."""

import json
from typing import Any

from newllm.report.plain import plain
from newllm.trace.verdict import HELPS

_MOST, _LONGEST = 40, 400


class Progress:
    """Taken in line by line.

    Attributes:
        stage: what is being done.
        done, may: replays of this stage: done, and at most to be done.
        newest: the last replay: name, replay (the number of its chance), spiked (None where that was not judged).
        tried: what was confirmed and what helped in the screen, the newest last: stage, name, outcome, spiked, n.
        notes: what else a person should know.
    """

    def __init__(self) -> None:
        self.stage, self.done, self.may = "", 0, 0
        self.newest: dict[str, Any] | None = None
        self.tried: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def take(self, line: bytes) -> None:
        """Take in a line; what is no event of ours, as where a command was killed within it, is passed over."""
        try:
            event = json.loads(line)
            kind = event["event"]
            if kind == "planned":
                self.stage, self.done, self.may = _text(event["stage"]), 0, int(event["replays"])
                self.newest = None
            elif kind == "replayed":
                newest = {"name": _text(event["name"]), "replay": int(event["replay"]), "spiked": event["spiked"]}
                self.stage, self.done, self.newest = _text(event["stage"]), self.done + 1, newest
            elif kind == "tried":
                if event["stage"] == "confirmed" or event["outcome"] in HELPS:
                    tried = {name: _text(event[name]) for name in ("stage", "name", "outcome")}
                    self.tried = [*self.tried, tried | {name: int(event[name]) for name in ("spiked", "n")}][-_MOST:]
            elif kind == "noticed":
                self.notes = [*self.notes, _text(event["text"])][-_MOST:]
        except (ValueError, TypeError, KeyError, RecursionError):
            return

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: getattr(self, name) for name in ("stage", "done", "may", "newest", "tried", "notes")}


def result_of(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return what a command's object says, short: the sentences of a verdict, the number of findings."""
    if kind == "replay":
        sentences, null = said.get("sentences"), said.get("null")
        identical = null.get("identical") if isinstance(null, dict) else None
        return {
            "sentences": [plain(one, 2000) for one in sentences or [] if isinstance(one, str)],
            "identical": identical,
        }
    findings = said.get("findings")
    severities = [one.get("severity") for one in findings or [] if isinstance(one, dict)]
    return {
        "judged": said.get("judged") is True,
        "counts": {name: severities.count(name) for name in ("fault", "warning", "note")},
    }


def _text(value: object) -> str:
    return plain(str(value), _LONGEST)
