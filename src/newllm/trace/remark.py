"""What a reader says of a log beside its values, as data."""

from dataclasses import dataclass
from typing import Any, Literal

from newllm.messages import Message, message


@dataclass(frozen=True)
class Remark:
    """One remark; `str(it)` is its sentence in English.

    Attributes:
        kind: "note" says how the log was understood, "left-out" what was not taken in.
        sentence: what is said.
    """

    kind: Literal["note", "left-out"]
    sentence: Message

    def __str__(self) -> str:
        return str(self.sentence)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: kind, id, parameters."""
        return {"kind": self.kind, **self.sentence.as_dict()}


def note(id: str, /, **parameters: Any) -> Remark:
    """Return a remark on how a log was understood."""
    return Remark("note", message(id, **parameters))


def left_out(id: str, /, **parameters: Any) -> Remark:
    """Return a remark on what was not taken in."""
    return Remark("left-out", message(id, **parameters))


def unread_file(name: str, error: Exception) -> Remark:
    """Return a remark on a file that could not be read, with the reason but not the path."""
    reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error).splitlines()[0]
    return left_out("remark-unread-file", file=name, reason=reason)
