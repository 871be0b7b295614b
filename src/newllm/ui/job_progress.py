"""What a command prints of its progress when nobody looks at a terminal, as plain data (see `cli.replay_progress`)."""

import re
from typing import Any

from newllm.report.plain import plain

_PLANNED = re.compile(r"(?P<stage>.+): up to (?P<may>[\d,]+) replays?$")
_REPLAYED = re.compile(r"(?P<stage>.+?) (?P<done>[\d,]+)/(?P<may>[\d,]+)   (?P<text>.*?)   \d+ of \d+ s$")
_TRIED = re.compile(r"(?P<stage>screened|confirmed)  (?P<name>.+?)\s{2,}(?P<outcome>.+)$")
_MOST, _LONGEST = 40, 400


class Progress:
    """Taken in line by line.

    Attributes:
        stage: what is being done.
        done, may: replays of this stage: done, and at most to be done.
        tried: what became of interventions, the newest last.
        notes: what else was said.
        last: the last line of all.
    """

    def __init__(self) -> None:
        self.stage, self.text, self.last = "", "", ""
        self.done = self.may = 0
        self.tried: list[dict[str, str]] = []
        self.notes: list[str] = []

    def take(self, line: str) -> None:
        """Take in a line."""
        line = plain(line.rstrip(), _LONGEST)
        if not line.strip():
            return
        self.last = line
        if planned := _PLANNED.match(line):
            self.stage, self.done, self.may, self.text = planned["stage"], 0, _number(planned["may"]), ""
        elif replayed := _REPLAYED.match(line):
            self.stage, self.done, self.may = replayed["stage"], _number(replayed["done"]), _number(replayed["may"])
            self.text = replayed["text"]
        elif tried := _TRIED.match(line):
            self.tried = [*self.tried, tried.groupdict()][-_MOST:]
        else:
            self.notes = [*self.notes, line.removeprefix("newllm: ").removeprefix("note: ")][-_MOST:]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        names = ("stage", "done", "may", "text", "tried", "notes")
        return {name: getattr(self, name) for name in names}


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


def _number(text: str) -> int:
    return int(text.replace(",", ""))
