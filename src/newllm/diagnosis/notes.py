"""RUN/notes.json: what a person said later of a run that was planned, so that everyone who opens it knows.

    {"schema": 1, "notes": [{"step": 2000, "text": "curriculum begins"}]}

What the training itself noted stands in recording.json (`Recorder.note`). This file has no checksum: a note is taken
back by whoever deletes its line.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.checksum import read_checked
from newllm.diagnosis.facts import Planned
from newllm.files import to_json, write_bytes

NOTES = "notes.json"
_LARGEST_STEP = 2**53


def write_notes(run: Path, notes: Mapping[float, str]) -> None:
    """Add notes to those of a run, each in place of another for the same step; a file that is no such is replaced.

    Args:
        run: its directory.
        notes: what was planned, by step; a run counts whole steps.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    try:
        before = read_checked(run / NOTES)
    except (OSError, ValueError):
        before = {}
    kept = {one.step: one.text for one in planned_in(before)}
    kept |= {int(step): text for step, text in notes.items() if 0 <= step <= _LARGEST_STEP}
    listed = [{"step": step, "text": text} for step, text in sorted(kept.items())]
    if listed:
        write_bytes(run / NOTES, (to_json({"schema": 1, "notes": listed}, indent=2) + "\n").encode())


def planned_in(content: Mapping[str, Any]) -> tuple[Planned, ...]:
    """Return the notes in the content of notes.json or recording.json; what is none is passed over."""
    listed = content.get("notes")
    if not isinstance(listed, list):
        return ()
    notes = [(_step(item.get("step")), item.get("text")) for item in listed if isinstance(item, dict)]
    return tuple(Planned(step, text) for step, text in notes if step is not None and isinstance(text, str))


def _step(value: Any) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value <= _LARGEST_STEP else None
