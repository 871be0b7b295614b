"""What `newllm.data` can be told: the texts, their cutting into tokens and windows, and the split.

A plain record. It reads nothing: `check` judges the values alone, `prepare` meets the files.
"""

import os
from dataclasses import dataclass

from newllm.errors import UserError, unknown_name

FORMATS = ("stream", "sentences")
TOKENIZERS = ("bytes", "bpe", "word")
DECODING_ERRORS = ("strict", "replace")

# The smallest vocabularies that still work: 256 bytes and the document separator; 4 specials and a word.
_SMALLEST_VOCABULARY = {"bytes": 1, "bpe": 257, "word": 5}


@dataclass(frozen=True)
class DataConfig:
    """The data of a run.

    Attributes:
        texts: files, directories, globs, "FILE.csv#COLUMN", "-" for standard input, "bundled:NAME", or
            "hf:NAME[:SPLIT[:COLUMN]]", a data set of Hugging Face.
        format: "stream" (documents in one row, cut into windows) or "sentences" (one line a row).
        tokenizer: "bytes", "bpe" or "word".
        vocabulary: upper bound of the vocabulary of "bpe" and "word", specials included.
        field: the text's field in a JSONL record.
        errors: what invalid UTF-8 does: "strict" refuses it, "replace" puts U+FFFD.
        validation: the validation texts' own names; empty means that a part of `texts` is held out. A file
            that is in both is left out of training.
        validation_fraction: held-out part of a stream, at most half (sentences always hold out a fifth).
        validation_blocks: upper bound of the number of contiguous held-out blocks of a stream.
        window: targets in one row.
        batch: rows in one batch.
        resets: reset the context where a document starts inside a row.
        carry: carry the context from each window to the one that follows it in the text.
        word_dropout: probability that a training word is replaced by the unknown word (sentences only).
        split_seed: seed of the shuffle that decides which sentences are held out.
    """

    texts: tuple[str, ...] = ()
    format: str = "stream"
    tokenizer: str = "bytes"
    vocabulary: int = 8192
    field: str = "text"
    errors: str = "strict"
    validation: tuple[str, ...] = ()
    validation_fraction: float = 0.1
    validation_blocks: int = 8
    window: int = 256
    batch: int = 8
    resets: bool = False
    carry: bool = False
    word_dropout: float = 0.0
    split_seed: int = 0

    def __post_init__(self) -> None:
        # Names may come as paths; whoever reads a configuration, or writes it to a file, meets strings.
        for name in ("texts", "validation"):
            given = getattr(self, name)
            if isinstance(given, tuple):
                names = tuple(os.fspath(item) if isinstance(item, os.PathLike) else item for item in given)
                object.__setattr__(self, name, names)

    def check(self) -> None:
        """Refuse values that cannot work.

        Raises:
            UserError: an unknown name, a number out of its range, or two settings that exclude each other.
        """
        self._check_names()
        for name in ("validation_blocks", "window", "batch"):
            if getattr(self, name) < 1:
                raise UserError(f"data.{name}={getattr(self, name)} is too small: take 1 or more")
        if not 0 < self.validation_fraction <= 0.5:
            raise UserError(
                f"data.validation_fraction={self.validation_fraction} is out of range: take more than 0 and at most 0.5"
            )
        smallest = _SMALLEST_VOCABULARY[self.tokenizer]
        if self.vocabulary < smallest:
            raise UserError(
                f"data.vocabulary={self.vocabulary} is too small for tokenizer '{self.tokenizer}': "
                f"take {smallest} or more"
            )
        if self.carry and self.format == "sentences":
            raise UserError("data.carry=true has no meaning with data.format=sentences: set data.carry=false")
        self._check_word_dropout()

    def _check_word_dropout(self) -> None:
        if not 0 <= self.word_dropout < 1:
            raise UserError(f"data.word_dropout={self.word_dropout} is out of range: take 0 or more and below 1")
        if self.word_dropout and (self.format, self.tokenizer) != ("sentences", "word"):
            raise UserError(
                "data.word_dropout needs an unknown word to put in: "
                "set data.format=sentences and data.tokenizer=word, or drop it"
            )

    def _check_names(self) -> None:
        for name in ("texts", "validation"):
            given = getattr(self, name)
            if isinstance(given, str):
                raise UserError(f"data.{name}={given!r} is one string: give a list, [{given!r}]")
        for kind, given, known in (
            ("data.format", self.format, FORMATS),
            ("data.tokenizer", self.tokenizer, TOKENIZERS),
            ("data.errors", self.errors, DECODING_ERRORS),
        ):
            if given not in known:
                raise unknown_name(kind, given, known)
