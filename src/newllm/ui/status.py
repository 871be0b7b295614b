"""How a run stands, by what its files say and by when they were last written."""

import math
from datetime import UTC, datetime
from typing import Any

from newllm.child_process import lives
from newllm.messages import Message, message
from newllm.report.source.numbers import whole_in

_ALIVE, _SILENT = 20.0, 300.0  # seconds since the last heartbeat: surely running, and surely not
_STATUSES = ("running", "finished", "interrupted", "diverged", "failed")


def status_of(
    summary: dict[str, Any], recording: dict[str, Any], heard: float, now: float
) -> tuple[str, Message | None]:
    """Return the status, and why "running" is doubted where it is."""
    if not summary:
        ended = recording.get("ended")
        if ended is False and now - heard > _SILENT:  # a killed training could not say that it ended
            return "stopped", message("entry-silent")
        return ("recorded" if ended is True else "recording" if ended is False else "unknown"), None
    status = summary.get("status")
    if status != "running":
        return (status if status in _STATUSES else "unknown"), None
    beat = time_of(summary.get("heartbeat"))
    silent = math.inf if beat is None else now - beat
    pid = whole_in(summary, "pid")
    if silent <= _ALIVE:
        return "running", None
    if pid and not lives(pid):
        return "stopped", message("entry-process_gone", pid=pid)
    if silent > _SILENT:
        return "stopped", message("entry-silent")
    return "running", None


def time_of(value: Any) -> float | None:
    """Return seconds since 1970 of a moment as ISO 8601 writes it, None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
