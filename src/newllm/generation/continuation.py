"""One text being continued: an iterator over its pieces that knows, at any time, how far it has come."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol, final

from newllm.errors import UserError
from newllm.generation.memory import Memory
from newllm.generation.sampling import Sampling
from newllm.generation.text_stream import TextStream
from newllm.generation.vocabulary import Vocabulary


class Reader(Protocol):
    """What a continuation asks of the `Engine` that made it."""

    vocabulary: Vocabulary

    def is_full(self, memory: Memory) -> bool:
        """Say whether no further token can be read."""
        ...

    def choose(self, memory: Memory, sampling: Sampling, seed: int) -> int:
        """Return the next token."""
        ...

    def read_token(self, memory: Memory, token: int) -> Memory:
        """Return the memory after one token more."""
        ...


@dataclasses.dataclass(frozen=True)
class Generated:
    """What came of a continuation.

    Args:
        text: the continuation alone, without the prompt.
        tokens: how many tokens were chosen and read, those of a stop string included, the end token not.
        seed: of the stream "sampling".
        stopped_by: "tokens" (as many as were asked for), "stop" (a stop string), "end" (the end token)
            or "positions" (the end of the learned positions).
    """

    text: str
    tokens: int
    seed: int
    stopped_by: str


@final
class Continuation(Iterator[str]):
    """Yields pieces of text. `Engine.stream` makes it.

    Each piece is text that is sure to stay: whole characters, and nothing that may yet become a stop
    string. Every chosen token is read, except the end token, after which there is no text to go on
    with: a continuation of an ended text ends at once, until something more is read. `memory` may be
    taken at any time, also where the caller stops early.

    Attributes:
        memory: after the tokens chosen so far.
        ids: those tokens.
        stopped_by: as in `Generated`; None while it goes on.
    """

    def __init__(
        self,
        reader: Reader,
        memory: Memory,
        tokens: int,
        sampling: Sampling,
        seed: int,
        stop: Sequence[str],
    ) -> None:
        self.memory = memory
        self.ids: list[int] = []
        self.stopped_by: str | None = None
        self._reader, self._limit, self._sampling, self._seed = reader, tokens, sampling, seed
        self._characters = TextStream(memory.undecoded)
        self._stop = StopStrings(stop)
        self._pieces_so_far: list[str] = []
        self._pieces = self._run()

    def __next__(self) -> str:
        piece = next(self._pieces)
        self._pieces_so_far.append(piece)
        return piece

    def result(self) -> Generated:
        """Run to the end and return everything, what was yielded before included."""
        for _ in self:
            pass
        return Generated("".join(self._pieces_so_far), len(self.ids), self._seed, str(self.stopped_by))

    def _run(self) -> Iterator[str]:
        while self.stopped_by is None:
            if piece := self.advance():
                yield piece
        if rest := self._stop.rest():
            yield rest

    def advance(self) -> str:
        """Choose and read one token, or find why there is none; return the text that can be shown, which may be empty.

        For who wants to see every token: `ids` and `memory` tell of it. Take pieces either so or by iterating.
        """
        if len(self.ids) >= self._limit:
            return self._stopped("tokens")
        if self._reader.is_full(self.memory):
            return self._stopped("positions")
        token = self._reader.choose(self.memory, self._sampling, self._seed)
        if token == self._reader.vocabulary.end:
            return self._stopped("end")
        piece = self._reader.vocabulary.token_bytes(token, first=self.memory.tokens_read == 1)
        text = self._characters.feed(piece)
        self.memory = self._reader.read_token(self.memory, token)
        if undecoded := self._characters.undecoded:
            self.memory = dataclasses.replace(self.memory, undecoded=undecoded)
        self.ids.append(token)
        visible = self._stop.feed(text)
        return self._stopped("stop", visible) if self._stop.found else visible

    def _stopped(self, why: str, visible: str = "") -> str:
        self.stopped_by = why
        return visible


class StopStrings:
    """Ends text before the first of its stop strings, even where one is spread over several pieces.

    It passes text on piece by piece and holds back what may be the beginning of a stop string.

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
