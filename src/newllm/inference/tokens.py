"""What single tokens are as text, made once for all of them."""

import re
from collections.abc import Generator, Sequence

import numpy as np

from newllm.data import Tokenizer
from newllm.data.chunks import text_chunks
from newllm.generation import Vocabulary

_NO_TEXT = re.compile("([\udc80-\udcff]+)")  # bytes that are no UTF-8, as Python's surrogateescape has them
_PIECE = 1 << 16  # bytes of a text that are made tokens at once, or more where it cannot be cut


class Tokens:
    """The tokens of a vocabulary.

    Args:
        tokenizer: the run's.
        vocabulary: its ids under the model's head.

    Attributes:
        begin: the id that stands before a text.
        end: the id after which there is no text.
        count: the ids are below this.
        plain: of each id its text where no text's first token stands, None where that is no whole characters.
    """

    def __init__(self, tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
        self._tokenizer, self._vocabulary = tokenizer, vocabulary
        self.begin, self.end, self.count = vocabulary.begin, vocabulary.end, tokenizer.vocab_size
        self.bytes_of = vocabulary.token_bytes
        self.plain = [_text(vocabulary.token_bytes(token, first=False)) for token in range(self.count)]
        self._lengths = np.array([len(vocabulary.token_bytes(token, first=False)) for token in range(self.count)])
        self._single = {
            piece: token for token in range(self.count) if len(piece := vocabulary.token_bytes(token, first=True)) == 1
        }

    def encoding(self, text: str, rest: bytes = b"") -> Generator[None, None, np.ndarray]:
        """Return the ids of a text, int32, and pause after each piece of it.

        Args:
            text: the text.
            rest: bytes in front of it, of which each is one that `can_read`. They may begin inside a character.

        Raises:
            UserError: the text has half a surrogate pair.
        """
        *before, last = _NO_TEXT.split(rest.decode("utf-8", "surrogateescape"))
        ids = [self._encode_part(part) for part in before]
        content = last.encode() + self._vocabulary.content(text)  # a text begins with a whole character
        for piece in text_chunks(content, _PIECE):
            ids.append(self._tokenizer.encode(piece.encode()))
            yield
        return np.concatenate(ids) if ids else np.zeros(0, dtype=np.int32)

    def can_read(self, rest: bytes) -> bool:
        """Say whether there are tokens for some bytes: any will do, but for words only whole characters."""
        strange = "".join(_NO_TEXT.findall(rest.decode("utf-8", "surrogateescape")))
        return all(_byte(letter) in self._single for letter in strange)

    def length(self, ids: Sequence[int] | np.ndarray) -> int:
        """Return how many characters tokens have at most."""
        return int(self._lengths[ids].sum())

    def told(self, token: int, *, first: bool) -> bytes:
        """Return the bytes of a token of a prompt; one that stands for no text has none, not even a blank."""
        return self.bytes_of(token, first=first) if self.bytes_of(token, first=True) else b""

    def label(self, token: int, *, first: bool = False) -> tuple[str, list[int]]:
        """Return a token's text and its bytes; the end is "[end]" and has none."""
        piece = self.told(token, first=first) if token < self.count else b""
        name = "[end]" if token == self.end else piece.decode("utf-8", "replace")
        return name, list(piece)

    def _encode_part(self, part: str) -> np.ndarray:
        if not _NO_TEXT.match(part):
            return self._tokenizer.encode(part.encode())
        return np.array([self._single[_byte(letter)] for letter in part], dtype=np.int32)


def _byte(letter: str) -> bytes:
    """Return the byte that surrogateescape has made a letter of."""
    return bytes([ord(letter) - 0xDC00])


def _text(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None
