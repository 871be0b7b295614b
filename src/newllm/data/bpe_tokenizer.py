"""Byte-level byte pair encoding, by Hugging Face `tokenizers`.

Byte pair encoding is Sennrich et al. 2016 (arXiv:1508.07909), the byte level and its pattern are GPT-2's.
Every text comes back exactly. "<|endoftext|>" is an id of its own that text cannot reach.
"""

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np

from newllm.data.chunks import text_chunks
from newllm.data.native import native_ids
from newllm.data.tokenizer import Tokenizer

SEPARATOR = "<|endoftext|>"


def byte_characters() -> dict[str, int]:
    """Return GPT-2's printable character for each byte: itself where printable, else from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    characters = {chr(byte): byte for byte in printable}
    return characters | {chr(0x100 + index): byte for index, byte in enumerate(others)}


_BYTE_OF = byte_characters()


@final
class BpeTokenizer(Tokenizer):
    """Byte-level BPE; the separator is begin and end.

    Args:
        native: a `tokenizers.Tokenizer` with a byte-level BPE model and the separator as a special token.

    Raises:
        ValueError: `native` is something else.
    """

    name = "bpe"
    pad = None
    unknown = None
    lossless = True

    def __init__(self, native: Any) -> None:
        separator = native.token_to_id(SEPARATOR)
        size = native.get_vocab_size()
        tokens = [native.id_to_token(token) for token in range(size)]
        if separator is None or None in tokens:
            raise ValueError(f"it has no token {SEPARATOR!r}, or gaps in its ids")
        self.begin = self.end = separator
        self.vocab_size = size
        try:
            self._bytes = [bytes(_BYTE_OF[character] for character in token) for token in tokens]
        except KeyError as error:
            raise ValueError("it is not byte-level") from error
        self._bytes[separator] = b""
        if len({piece for piece in self._bytes if len(piece) == 1}) < 256:
            raise ValueError("it does not have a token for every byte")
        # The file format cannot hold this switch, so it is set at every start.
        native.encode_special_tokens = True
        self._native = native

    @classmethod
    def train(cls, texts: Iterable[bytes], vocabulary: int) -> "BpeTokenizer":
        """Learn the merges from valid UTF-8; equal texts give equal tokenizers.

        Args:
            texts: the training part only.
            vocabulary: upper bound of the number of ids, 257 or more.
        """
        from tokenizers import Tokenizer as Native
        from tokenizers import decoders, models, pre_tokenizers, trainers

        native = Native(models.BPE())
        native.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        native.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[SEPARATOR],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        native.train_from_iterator((chunk for text in texts for chunk in text_chunks(text)), trainer)
        return cls(native)

    def encode(self, text: bytes) -> np.ndarray:
        """Return the ids of valid UTF-8, int32 [tokens]."""
        ids = [native_ids(self._native, chunk) for chunk in text_chunks(text)]
        return np.concatenate(ids) if ids else np.zeros(0, dtype=np.int32)

    def decode(self, ids: Sequence[int]) -> bytes:
        """Return the exact bytes, even where `ids` end inside a character."""
        return b"".join(self._bytes[token] for token in ids if 0 <= token < self.vocab_size)

    def token_bytes(self) -> np.ndarray:
        """Return each token's length in bytes, the separator's is 0, int64 [vocab_size]."""
        return np.array([len(piece) for piece in self._bytes], dtype=np.int64)

    def to_json(self) -> str:
        """Return the native tokenizer.json, which Hugging Face loads."""
        return self._native.to_str(pretty=True)
