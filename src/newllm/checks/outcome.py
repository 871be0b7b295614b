"""What a probe found."""

from typing import Any

from newllm.messages import message
from newllm.trace.check import Outcome

_LONGEST = 300  # characters of an error that is quoted


class CannotCheck(Exception):  # noqa: N818 (no error: it says why a question has no answer here)
    """Raised by a probe whose question has no answer for this training.

    Args:
        reason: the message `check-reason.REASON`.
        **parameters: of that message.
    """

    def __init__(self, reason: str, /, **parameters: Any) -> None:
        super().__init__(reason)
        self.message = message(f"check-reason.{reason}", **parameters)


def said(error: Exception) -> str:
    """Return an exception's own words, on one line, for a reason that quotes them."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]


def sound(probe: str, /, **evidence: Any) -> Outcome:
    """Return that all is as it should be; `check-PROBE.sound` is said with the evidence."""
    return Outcome(probe, "sound", message(f"check-{probe}.sound", **evidence), evidence)


def wrong(probe: str, case: str = "wrong", /, **evidence: Any) -> Outcome:
    """Return that something is wrong; `check-PROBE.CASE` is said with the evidence."""
    return Outcome(probe, "wrong", message(f"check-{probe}.{case}", **evidence), evidence)
