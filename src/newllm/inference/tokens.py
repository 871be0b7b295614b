"""What single tokens are as text, made once for all of them."""

import re

import numpy as np

from newllm.data import Tokenizer
from newllm.generation import Vocabulary

_NO_TEXT = re.compile("([\udc80-\udcff]+)")  # bytes that are no UTF-8, as Python's surrogateescape has them


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
        self._single = {
            piece: token for token in range(self.count) if len(piece := vocabulary.token_bytes(token, first=True)) == 1
        }

    def encode(self, text: str, rest: bytes = b"") -> np.ndarray:
        """Return the ids of a text, int32.

        Args:
            text: the text.
            rest: bytes in front of it. They may begin inside a character, or be of none.

        Raises:
            UserError: the text has half a surrogate pair.
        """
        ids = self._vocabulary.encode(text)
        if not rest:
            return ids
        parts = _NO_TEXT.split((rest + text.encode()).decode("utf-8", "surrogateescape"))
        return np.concatenate([self._encode_part(part) for part in parts])

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
        return np.array([self._single[bytes([ord(letter) - 0xDC00])] for letter in part], dtype=np.int32)


def _text(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None
