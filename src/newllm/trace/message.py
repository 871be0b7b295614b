"""A sentence as data: its name in the message catalogues, and what stands in it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Message:
    """One sentence, which `newllm.messages` puts into words.

    Attributes:
        id: its name in the catalogues, "spike.sentence".
        parameters: what stands in it by name: numbers (in the units that the name says), words of a log, names of the
            code.
    """

    id: str
    parameters: dict[str, Any] = field(default_factory=dict)


def message(id: str, /, **parameters: Any) -> Message:
    """Return a message: `message("spike.sentence", step=19)`."""
    return Message(id, parameters)


def quoted(text: str) -> Message:
    """Return a sentence that somebody else wrote, or an earlier version of newllm: it stays in its own language."""
    return Message("quoted", {"text": text})
