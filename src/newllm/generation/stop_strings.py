"""Stop strings: text ends before the first of them, even where one is spread over several pieces."""

from collections.abc import Sequence

from newllm.errors import UserError


class StopStrings:
    """Passes text on piece by piece and holds back what may be the beginning of a stop string.

    The first stop string to be complete ends the text, so that the result does not depend on how the
    text was cut into pieces.

    Args:
        strings: the stop strings; none passes everything on at once.

    Raises:
        UserError: one of them is empty.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = (strings,) if isinstance(strings, str) else tuple(strings)
        if not all(self._strings):
            raise UserError("a stop string is '': it would stop before the first token; leave it out")
        self._held = ""
        self.found = False

    def feed(self, piece: str) -> str:
        """Return the text that can be shown now; `found` says whether a stop string has ended it."""
        text = self._held + piece
        matches = [(at + len(string), at) for string in self._strings if (at := text.find(string)) >= 0]
        if matches:
            self.found, self._held = True, ""
            return text[: min(matches)[1]]
        keep = max((_beginning(text, string) for string in self._strings), default=0)
        shown, self._held = text[: len(text) - keep], text[len(text) - keep :]
        return shown

    def rest(self) -> str:
        """Return what was held back, once no more text comes."""
        rest, self._held = self._held, ""
        return rest


def _beginning(text: str, string: str) -> int:
    """Return the length of the longest end of `text` that begins `string`."""
    longest = min(len(text), len(string) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(string[:length])), 0)
