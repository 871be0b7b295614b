"""The one error that is the user's to mend, and the help its message gives.

Everything that a person can get wrong (a file, a name, a number, a directory) raises `UserError`.
Its message is one line that quotes the input and says the mend; the command line prints it and exits
with 2. Any other exception is a defect of ours and keeps its traceback.
"""

import difflib
from collections.abc import Iterable
from typing import Any

_LONGEST = 200  # characters of a value that is quoted


class UserError(ValueError):
    """A mistake in the call or the input. The message is one line: what was given, and the mend."""


class StoppedError(UserError):
    """A signal stopped a training, which goes on from where it was when it is begun again."""


def quoted(value: Any) -> str:
    """Return a value of a file or a call as Python writes it, cut where it is long. It never fails."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} nested too deep to show"
    except ValueError:  # Python writes no whole number of more than 4300 digits
        text = f"a {type(value).__name__} with too many digits to show"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


class TerminatedError(KeyboardInterrupt):
    """SIGTERM was received: an end like Ctrl-C, with an exit code of its own."""


def unknown_name(kind: str, given: str, known: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a registry, with the nearest name that is.

    Args:
        kind: what is named, as the user knows it ("rule", "preset").
        given: the name as it was given.
        known: every name that would have been accepted.
    """
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return UserError(f"unknown {kind} '{given}': {hint}known: {', '.join(names)}")
