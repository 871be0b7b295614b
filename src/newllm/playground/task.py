"""One request to a playground's worker: its fields, checked as they are taken, and where its events go."""

from collections.abc import Callable, Mapping
from typing import Any

from newllm.errors import UserError

LONGEST_TEXT = 800_000
"""Bytes of UTF-8 of one text."""

_SHOWN = 60


class Task:
    """What a verb is given.

    Args:
        fields: of the request, `id` and `verb` left out.
        emit: sends an event of a name with fields.
        stopped: whether the request, or the whole worker, is to end.
    """

    def __init__(
        self, fields: Mapping[str, Any], emit: Callable[[str, Mapping[str, Any]], None], stopped: Callable[[], bool]
    ) -> None:
        self._fields = dict(fields)
        self.emit, self.stopped = emit, stopped

    def take(self, name: str, kind: type, *default: Any) -> Any:
        """Return a field of a type, or the default where it is absent or null.

        Raises:
            UserError: it is absent and has no default, or of another type.
        """
        value = self._fields.pop(name, None)
        if value is None and default:
            return default[0]
        is_number = kind is float and type(value) is int and abs(value) < 2**53
        if type(value) is not kind and not is_number:
            raise UserError(f"'{name}' is {_short(value)}: give {_KINDS[kind]}")
        return value

    def count(self, name: str, default: int, most: int, least: int = 0) -> int:
        """Return a whole number from `least` to `most`.

        Raises:
            UserError: it is none.
        """
        value = self.take(name, int, default)
        if not least <= value <= most:
            raise UserError(f"'{name}' is {value}: give a whole number from {least} to {most}")
        return value

    def text(self) -> str:
        """Return the field `text`.

        Raises:
            UserError: it is none, has half a surrogate pair, or is too long.
        """
        text = self.take("text", str)
        try:
            size = len(text) if len(text) > LONGEST_TEXT else len(text.encode())
        except UnicodeEncodeError as error:
            wrong = ascii(text[error.start])
            raise UserError(f"'text' is no text: character {error.start} is {wrong}; give valid UTF-8") from error
        if size > LONGEST_TEXT:
            raise UserError(
                f"the text {_short(text)} has more than {LONGEST_TEXT:,} bytes: give a shorter one, "
                "or read it with newllm generate or eval"
            )
        return text

    def check_all_taken(self) -> None:
        """Refuse fields that no verb took.

        Raises:
            UserError: there is one.
        """
        if self._fields:
            known = ", ".join(sorted(map(_short, self._fields)))
            raise UserError(f"unknown field {known}: leave it out")


_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _short(value: Any) -> str:
    shown = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return shown if len(shown) <= _SHOWN + 2 else f"{shown[:_SHOWN]}..."
