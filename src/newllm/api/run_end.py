"""Whether a run of ours has said that it is over."""

import contextlib
from pathlib import Path

from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.trace import Summary


def has_ended(run: Path) -> bool:
    """Say whether a run has said that it is over; a log of another system never says so."""
    summary = run / "summary.json"
    if summary.is_file():
        with contextlib.suppress(UserError):
            return Summary.load(summary).status != "running"
        return False
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # a recorder has no summary
        return read_checked(run / "recording.json")["ended"] is True
    return False
