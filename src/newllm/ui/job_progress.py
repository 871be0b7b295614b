"""What a command tells of its progress, as the page shows it: from the JSON lines of `cli.progress_lines`."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from newllm.messages import Catalogue, Message, read_message
from newllm.trace.verdict import HELPS
from newllm.words.plain import plain

_MOST, _LONGEST, _SENTENCE = 40, 400, 2000


class Progress:
    """Taken in line by line.

    Attributes:
        stage: what is being done.
        may: replays of this stage at most.
        newest: the last replay: name, replay (the number of its chance), spiked (None where that was not judged).
        tried: what was confirmed and what helped in the screen, the newest last: stage, name, outcome, spiked, n.
        notes: what else a person should know.
    """

    def __init__(self) -> None:
        self.stage, self.may = "", 0
        self._done = Counter[str]()  # by stage: a stage can go on after another
        self.newest: dict[str, Any] | None = None
        self.tried: list[dict[str, Any]] = []
        self.notes: list[Message] = []

    @property
    def done(self) -> int:
        """Replays of this stage that are done."""
        return self._done[self.stage]

    def take(self, line: bytes) -> None:
        """Take in a line; what is no event of ours, as where a command was killed within it, is passed over."""
        try:
            event = json.loads(line)
            kind = event["event"]
            if kind == "planned":
                self.stage, self.may, self.newest = _text(event["stage"]), int(event["replays"]), None
            elif kind == "replayed":
                newest = {"name": _text(event["name"]), "replay": int(event["replay"]), "spiked": event["spiked"]}
                self.stage, self.newest = _text(event["stage"]), newest
                self._done[self.stage] += 1
            elif kind == "tried":
                if event["stage"] == "confirmed" or event["outcome"] in HELPS:
                    tried = {name: _text(event[name]) for name in ("stage", "name", "outcome")}
                    self.tried = [*self.tried, tried | {name: int(event[name]) for name in ("spiked", "n")}][-_MOST:]
            elif kind == "noticed":
                self.notes = [*self.notes, read_message(event.get("message"), event["text"])][-_MOST:]
        except (ValueError, TypeError, KeyError, RecursionError):
            return

    def as_dict(self, words: Catalogue) -> dict[str, Any]:
        """Return plain data, in the page's language."""
        data = {name: getattr(self, name) for name in ("stage", "done", "may", "newest", "tried")}
        return {**data, "notes": [_said(one, words, _LONGEST) for one in self.notes]}


def result_of(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return what a command's object says, short: the sentences of a verdict, the number of findings."""
    if kind == "replay":
        null = said.get("null")
        identical = null.get("identical") if isinstance(null, dict) else None
        return {"sentences": _sentences(said), "identical": identical}
    findings = said.get("findings")
    severities = [one.get("severity") for one in findings or [] if isinstance(one, dict)]
    return {
        "judged": said.get("judged") is True,
        "counts": {name: severities.count(name) for name in ("fault", "warning", "note")},
    }


def in_words(result: Mapping[str, Any], words: Catalogue) -> dict[str, Any]:
    """Return what a command came to as plain data, in the page's language."""
    return {
        name: [_said(one, words, _SENTENCE) for one in item] if name == "sentences" else item
        for name, item in result.items()
    }


def _said(said: Message, words: Catalogue, longest: int) -> dict[str, str]:
    """Return a sentence in the page's language, or in the English that it was written in alone."""
    return {"text": plain(words.text(said), longest), "lang": "en" if said.id == "quoted" else words.lang}


def _sentences(said: Mapping[str, Any]) -> list[Message]:
    messages = said.get("messages")
    listed = messages.get("sentences") if isinstance(messages, dict) else None
    as_data = dict(enumerate(listed)) if isinstance(listed, list) else {}
    return [
        read_message(as_data.get(at), text)
        for at, text in enumerate(said.get("sentences") or [])
        if isinstance(text, str)
    ]


def _text(value: object) -> str:
    return plain(str(value), _LONGEST)
