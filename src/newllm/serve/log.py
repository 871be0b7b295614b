"""The log: one JSON object a line on standard error, without what was written or read."""

import dataclasses
import json
import sys
import time
from typing import Any, TextIO


class Log:
    """Writes lines.

    Args:
        stream: where to; None writes none.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def event(self, event: str, **fields: Any) -> None:
        """Write one line."""
        if self._stream is None:
            return
        line = json.dumps({"time": round(time.time(), 3), "event": event, **fields})
        try:
            print(line, file=self._stream, flush=True)
        except OSError:  # nobody listens: no reason to stop serving
            self._stream = None


def standard_log() -> Log:
    """Return the log on standard error."""
    return Log(sys.stderr)


@dataclasses.dataclass(slots=True)
class Entry:
    """What is logged of one request.

    Attributes:
        id: of the request, which the response has as X-Request-ID.
        key: the name of its key.
        model: the model's name.
        prompt_tokens: how many tokens were read, those of a state that it goes on from included.
        cached_tokens: how many of these the state had read already.
        completion_tokens: how many tokens were written.
        ignored: the names of fields that were ignored.
        stored: why a response was not stored.
        error: why it failed.
    """

    id: str
    key: str = ""
    model: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    ignored: list[str] = dataclasses.field(default_factory=list)
    stored: str = ""
    error: str = ""

    def fields(self) -> dict[str, Any]:
        """Return what there is to say."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value not in ("", [], 0)}
