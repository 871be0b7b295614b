"""What became of one fault, and when that is allowed."""

from dataclasses import dataclass
from typing import Any

from campaign.child import Ended

SAME, SOUND, REFUSED, TOLD = "same bits", "sound answer", "refused", "told repair"
EDITED = "another configuration"
VIOLATION = "violation"
VERDICTS = (SAME, SOUND, REFUSED, TOLD, EDITED, VIOLATION)


@dataclass(frozen=True)
class Outcome:
    """What became of one fault.

    Attributes:
        about: what it was brought upon: a subject, a kind of file, a format.
        verdict: one of `VERDICTS`.
        detail: what a person needs to see a violation.
    """

    about: str
    verdict: str
    detail: str = ""


def ending(ended: Ended) -> str | None:
    """Say what is wrong with how a command ended, None if nothing is: no hang, no traceback, no signal."""
    if ended.hung:
        return "hangs"
    if ended.code < 0 or ended.code > 2:
        return f"ended with {ended.code}: {ended.stderr[-1500:]}"
    if "Traceback" in ended.stderr or "Traceback" in ended.stdout:
        return f"traceback: {ended.stderr[-1500:]}"
    if ended.code == 2 and not ended.refused:
        return f"exit code 2 without one clear line: {ended.stdout[-300:]} {ended.stderr[-1500:]}"
    return None


def differences(found: Any, expected: Any) -> str:
    """Say which parts of a result differ."""
    if isinstance(found, dict) and isinstance(expected, dict):
        names = [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]
        return "; ".join(f"{name}: {differences(found.get(name), expected.get(name))}" for name in sorted(names))
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return "; ".join(differences(a, b) for a, b in zip(found, expected, strict=True) if a != b)
    return f"{found!r:.150} for {expected!r:.150}"
