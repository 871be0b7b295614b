"""The fields of a request: taken one by one, each with its type and bounds; what nobody takes is ignored and named."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from newllm.serve.api_errors import ApiError, bad_value

STREAM_OPTIONS = '{"include_usage": true}'
"""What that field looks like."""

LARGEST = 2**63 - 1
"""A whole number fits into 64 bits."""

# Values that mean what happens anyway: who sends one is not told that it was ignored.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,), "presence_penalty": (0,), "logit_bias": ({},), "best_of": (1,), "suffix": ("",),
    "parallel_tool_calls": (True, False), "tools": ([],), "tool_choice": ("auto", "none"), "truncation": ("disabled",),
    "text": ({"format": {"type": "text"}}, {}), "response_format": ({"type": "text"},), "background": (False,),
    "include": ([],), "service_tier": ("auto", "default"), "modalities": (["text"],),
}  # fmt: skip
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_MOST_NAMED = 20


class Fields:
    """The JSON object of a request. A field that is null counts as absent.

    Args:
        body: the object.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._left = dict(body)
        self._passed_over: set[str] = set()

    def raw(self, name: str) -> Any:
        """Take a field of any type, None where it is absent."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        """Take a text."""
        value = self.raw(name)
        return None if value is None else whole_text(name, value)

    def flag(self, name: str, default: bool) -> bool:
        """Take true or false."""
        value = self.raw(name)
        if value is not None and not isinstance(value, bool):
            raise bad_value(name, value, "true or false")
        return default if value is None else value

    def whole(self, name: str, default: int | None, low: int = 0, high: int = LARGEST) -> Any:
        """Take a whole number."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, float) and math.isfinite(value) and value == int(value):
            value = int(value)  # JSON does not tell 1.0 from 1
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise bad_value(name, value, f"a whole number {_range(low, high)}")
        return value

    def number(self, name: str, default: float, low: float, high: float = math.inf, *, above: bool = False) -> float:
        """Take a number; with `above` it must be above `low`."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not _fits(value, low, high, above):
            raise bad_value(name, value, f"a number {'above' if above else 'from'} {_between(low, high)}")
        return float(value)

    def inner(self, name: str, example: str) -> "Fields":
        """Take an object: its own fields; those that nobody takes are named by `pass_over`."""
        value = self.raw(name)
        if value is not None and not isinstance(value, dict):
            raise bad_value(name, value, f"an object, as {example}")
        return Fields(value or {})

    def strings(self, name: str, most: int, longest: int) -> list[str]:
        """Take a text or a list of texts, each of so many characters at most."""
        value = self.raw(name)
        found = [] if value is None else [value] if isinstance(value, str) else value
        fits = isinstance(found, list) and len(found) <= most
        if not fits or not all(isinstance(one, str) and 0 < len(one) <= longest for one in found):
            raise bad_value(name, value, f"a text of 1 to {longest:,} characters, or a list of at most {most} of them")
        return [whole_text(name, one) for one in found]

    def pass_over(self, field: str, names: Iterable[Any]) -> None:
        """Note parts of a field that was taken, and that mean nothing here."""
        self._passed_over.update(f"{field}.{_shown(name)}" for name in names)

    def ignored(self) -> list[str]:
        """Return the names of the fields, or of their parts, that nobody took and that would have meant something."""
        names = {
            _shown(name)
            for name, value in self._left.items()
            if value is not None and value not in _NEUTRAL.get(name, ())
        }
        return sorted(names | self._passed_over)[:_MOST_NAMED]


def _shown(name: Any) -> str:
    return name if isinstance(name, str) and _NAME.fullmatch(name) else "?"


def whole_text(name: str, value: Any) -> str:
    """Return a text whose characters are whole.

    Raises:
        ApiError: it is no text, or has half of a surrogate pair, which UTF-8 cannot write.
    """
    if not isinstance(value, str):
        raise bad_value(name, value, "a text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ApiError(
            400,
            f"{name} has half a character at position {error.start} ({value[error.start]!a}): send whole characters",
            param=name,
            code="invalid_value",
        ) from None
    return value


def _fits(value: float, low: float, high: float, above: bool) -> bool:
    try:
        value = float(value)
    except OverflowError:
        return False
    return math.isfinite(value) and (low < value if above else low <= value) and value <= high


def _range(low: int, high: int) -> str:
    return f"from {low:,} upwards" if high == LARGEST else f"from {low:,} to {high:,}"


def _between(low: float, high: float) -> str:
    return f"{low:g} upwards" if high == math.inf else f"{low:g} to {high:g}"
