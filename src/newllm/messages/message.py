"""A sentence as data: its name in the message catalogues, and what stands in it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from newllm.messages.catalogue import catalogue, earlier_english

_DEEPEST = 4  # messages within messages, of what a file holds


@dataclass(frozen=True)
class Message:
    """One sentence: `catalogue(lang).text(it)` puts it into words, `str(it)` into English ones.

    Attributes:
        id: its name in the catalogues, "finding-spike.sentence".
        parameters: what stands in it by name: numbers (in the units that the name says), words of a log, names of the
            code, lists of these, and messages that are a part of this one.
    """

    id: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return catalogue("en").text(self)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, as JSON holds it; numbers that are not finite are words there: "nan", "inf"."""
        return {"id": self.id, "parameters": {name: _plain(value) for name, value in self.parameters.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Message":
        """Return what `as_dict` gave.

        Raises:
            ValueError: it is something else.
        """
        return _read(data, 0)


def message(id: str, /, **parameters: Any) -> Message:
    """Return a message: `message("finding-spike.sentence", step=19)`."""
    return Message(id, parameters)


def quoted(text: str) -> Message:
    """Return a sentence that somebody else wrote, or an earlier version of newllm: it stays in its own language."""
    return Message("quoted", {"text": text})


def read_message(data: Any, text: Any) -> Message:
    """Return a message that was written as data beside its English text.

    Args:
        data: what `Message.as_dict` gave; anything where an earlier version wrote none, or the file is another's.
        text: in English, in words of today or of an earlier newllm. It holds where the data do not say the same.
    """
    said = text if isinstance(text, str) else ""
    try:
        made = Message.from_dict(data)
        return made if said == str(made) or any(said == text for text in _as_before(made)) else quoted(said)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):  # the last of a plural of infinity
        return quoted(said)


def _as_before(made: Message) -> Iterator[str]:
    """Yield what an earlier newllm said: all in earlier words, or only what stands in the sentence."""
    before = earlier_english()
    yield before.text(made)

    def said(value: Any) -> Any:
        if isinstance(value, Message):
            return before.text(value)
        return [said(one) for one in value] if isinstance(value, list | tuple) else value

    yield catalogue("en")(made.id, **{name: said(value) for name, value in made.parameters.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value.as_dict()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _read(data: Any, depth: int) -> Message:
    name, parameters = (data.get("id"), data.get("parameters")) if isinstance(data, Mapping) else (None, None)
    if not isinstance(name, str) or not isinstance(parameters, Mapping) or depth > _DEEPEST:
        raise ValueError("no message")
    return Message(name, {str(key): _value(value, depth) for key, value in parameters.items()})


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _read(value, depth + 1)
    if isinstance(value, list):
        if not all(isinstance(one, str | int | float | Mapping) for one in value):
            raise ValueError("no message")
        return [_value(one, depth) for one in value]
    return value
