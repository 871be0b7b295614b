"""Words: lower-cased, split on blanks, by Hugging Face `tokenizers`. The founding document's tokenizer.

It loses capitals, the kind of blank, and every word that training did not have.
"""

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np

from newllm.data.chunks import text_chunks
from newllm.data.native import native_ids
from newllm.data.tokenizer import Tokenizer

SPECIALS = ("[PAD]", "[UNK]", "[BOS]", "[EOS]")


@final
class WordTokenizer(Tokenizer):
    """Ids 0 to 3 are PAD, UNK, BOS and EOS; the words follow by frequency, then by the alphabet.

    Args:
        native: a `tokenizers.Tokenizer` with a word-level model and those specials.

    Raises:
        ValueError: `native` is something else.
    """

    name = "word"
    pad = 0
    unknown = 1
    begin = 2
    end = 3
    lossless = False

    def __init__(self, native: Any) -> None:
        if tuple(native.id_to_token(token) for token in range(4)) != SPECIALS:
            raise ValueError(f"its first four tokens are not {', '.join(SPECIALS)}")
        self.vocab_size = native.get_vocab_size()
        tokens = [native.id_to_token(token) for token in range(self.vocab_size)]
        if None in tokens:
            raise ValueError("it has gaps in its ids")
        self._words = [token.encode() for token in tokens]
        # Nothing in a text is special, not even "[BOS]". The file format cannot hold this switch.
        native.encode_special_tokens = True
        self._native = native

    @classmethod
    def train(cls, texts: Iterable[bytes], vocabulary: int) -> "WordTokenizer":
        """Collect the words of valid UTF-8; equal texts give equal tokenizers.

        Args:
            texts: the training part only.
            vocabulary: upper bound of the number of ids, 5 or more; the rarest words are left out.
        """
        from tokenizers import Tokenizer as Native
        from tokenizers import models, normalizers, pre_tokenizers, trainers

        native = Native(models.WordLevel(unk_token="[UNK]"))
        native.normalizer = normalizers.Lowercase()
        native.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer = trainers.WordLevelTrainer(
            vocab_size=vocabulary, min_frequency=1, special_tokens=list(SPECIALS), show_progress=False
        )
        native.train_from_iterator((chunk for text in texts for chunk in text_chunks(text)), trainer)
        return cls(native)

    def encode(self, text: bytes) -> np.ndarray:
        """Return one id a word of valid UTF-8, int32 [words]."""
        ids = [native_ids(self._native, chunk) for chunk in text_chunks(text)]
        return np.concatenate(ids) if ids else np.zeros(0, dtype=np.int32)

    def decode(self, ids: Sequence[int]) -> bytes:
        """Return the words with one blank between them."""
        return b" ".join(self._words[token] for token in ids if len(SPECIALS) <= token < self.vocab_size)

    def token_bytes(self) -> None:
        """Return None: what a word stood for in the text is lost."""

    def to_json(self) -> str:
        """Return the native tokenizer.json, which Hugging Face loads."""
        return self._native.to_str(pretty=True)
