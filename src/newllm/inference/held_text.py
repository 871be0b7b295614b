"""Text that may yet become a stop string, and the states that are kept until that is known."""

from collections.abc import Sequence

from newllm.generation import TextStream
from newllm.generation.continuation import StopStrings
from newllm.model.bodies import State

_APART = 16
"""So many tokens lie between two states that are kept; those from one on are read again by who goes on."""


class HeldText:
    """Holds back text for one choice, and finds where a stop string cuts its tokens.

    Args:
        stop: the stop strings.
        undecoded: bytes of a character before the first token.

    Attributes:
        found: whether a stop string has ended the text.
        undecoded: as given.
    """

    def __init__(self, stop: Sequence[str], undecoded: bytes) -> None:
        self._stop, self.undecoded = StopStrings(stop), undecoded
        self.found = False
        self._decoded = self._shown = 0  # characters
        self._inside = list[int]()  # of each token, how many characters must be shown for it to lie wholly in them
        self._kept = list[tuple[int, State]]()  # an index, and the state before that token

    def feed(self, text: str, ids: Sequence[int], state: State, undecoded: bytes) -> str:
        """Return what can be shown after one token more.

        Args:
            text: what became whole with it.
            ids: all tokens, this one at the end.
            state: before it.
            undecoded: what it has of a character that is not whole.
        """
        visible = self._stop.feed(text)
        self.found = self._stop.found
        self._decoded += len(text)
        self._shown += len(visible)
        self._inside.append(self._decoded + _characters(undecoded))
        self._keep(len(ids) - 1, state)
        return visible

    def _keep(self, index: int, state: State) -> None:
        """Keep the state before a token, and forget those that no cut can need any more."""
        whole = self.whole
        if self._kept and index - self._kept[-1][0] >= _APART:
            # A copy: a state shares memory with all others of its step.
            self._kept.append((index, {name: value.clone() for name, value in state.items()}))
        elif not self._kept or whole == index + 1:
            self._kept.append((index, state))
        needed = max((at for at, (first, _) in enumerate(self._kept) if first < whole), default=0)
        del self._kept[:needed]

    def rest(self) -> str:
        """Return what is held back, once no more text comes."""
        rest = self._stop.rest()
        self._shown += len(rest)
        return rest

    def cut(self, pieces: Sequence[bytes]) -> tuple[int, bytes, bool]:
        """Return how many tokens lie wholly in what is shown, what is shown of the next, and whether any text is.

        Args:
            pieces: the bytes of all tokens.
        """
        count = self.whole
        stream = TextStream(self.undecoded)
        shown = len(stream.feed(b"".join(pieces[:count])))
        length, piece = 0, pieces[count]
        for at in range(len(piece)):
            shown += len(stream.feed(piece[at : at + 1]))
            if shown + _characters(stream.undecoded) > self._shown:
                break
            length = at + 1
        return count, piece[:length], self._shown > 0

    def state_before(self, index: int) -> tuple[int, State]:
        """Return the last token that is not behind `index` and whose state before it is kept, and that state."""
        return next(kept for kept in reversed(self._kept) if kept[0] <= index)

    @property
    def whole(self) -> int:
        """How many tokens lie wholly in what is shown."""
        count = len(self._inside)
        while count and self._inside[count - 1] > self._shown:
            count -= 1
        return count

    @property
    def begun(self) -> int:
        """How many tokens lie at least in part in what is shown."""
        whole = self.whole
        return whole + ((self._inside[whole - 1] if whole else _characters(self.undecoded)) < self._shown)


def _characters(undecoded: bytes) -> int:
    """Return how many characters will be shown of undecoded bytes: one, but of the start of a surrogate each byte."""
    return len(undecoded.decode("utf-8", "replace")) if undecoded else 0
