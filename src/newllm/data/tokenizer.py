"""What every tokenizer is: bytes of UTF-8 to token ids and back."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from newllm.files import write_bytes


class Tokenizer(ABC):
    """Text to token ids and back. Text never becomes a special token, whatever it spells.

    Attributes:
        name: "bytes", "bpe" or "word".
        vocab_size: number of ids; every id is in [0, vocab_size).
        begin: the id that stands before a document or sentence.
        end: the id that stands after a sentence.
        pad: the id that fills rows, None where any id may.
        unknown: the id of a word outside the vocabulary, None where there is none.
        lossless: whether decode(encode(text)) == text for every text.
    """

    name: str
    vocab_size: int
    begin: int
    end: int
    pad: int | None
    unknown: int | None
    lossless: bool

    @abstractmethod
    def encode(self, text: bytes) -> np.ndarray:
        """Return the token ids of `text`, int32 [tokens], without begin and end."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> bytes:
        """Return the text of `ids`. Special ids and ids outside the vocabulary give nothing."""

    @abstractmethod
    def token_bytes(self) -> np.ndarray | None:
        """Return how many bytes of text each id stands for, int64 [vocab_size]; specials 0.

        None where the tokenizer loses bytes, so that no count per byte would be true.
        """

    @abstractmethod
    def to_json(self) -> str:
        """Return the content of tokenizer.json; equal tokenizers give equal content."""

    def save(self, path: Path) -> None:
        """Write tokenizer.json, whole or not at all."""
        write_bytes(Path(path), self.to_json().encode())
