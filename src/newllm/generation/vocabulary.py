"""A tokenizer as decoding needs it: prompts to ids, single ids to bytes, and which ids may be chosen."""

import numpy as np
import torch

from newllm.data.tokenizer import Tokenizer
from newllm.errors import UserError


class Vocabulary:
    """The ids of a tokenizer under a model's head, which may have more rows than the tokenizer has ids.

    `allowed_V` says which ids may be chosen: those that stand for text, and the end; `forbidden` lists the others.
    Rows without an id, padding, the unknown word and a begin that is not the end too have no text to show.

    Args:
        tokenizer: the tokenizer that the model was trained with.
        rows: of the model's head.

    Raises:
        UserError: the model has fewer rows than the tokenizer has ids.
    """

    def __init__(self, tokenizer: Tokenizer, rows: int) -> None:
        if rows < tokenizer.vocab_size:
            raise UserError(
                f"a model of {rows} tokens cannot use a tokenizer of {tokenizer.vocab_size}: "
                "give it the tokenizer.json of its own run"
            )
        self._tokenizer = tokenizer
        self._bytes = [tokenizer.decode([token]) for token in range(tokenizer.vocab_size)]
        self._between = b" " if tokenizer.name == "word" else b""
        self.begin, self.end = tokenizer.begin, tokenizer.end
        self.allowed_V = torch.zeros(rows, dtype=torch.bool)
        self.allowed_V[: len(self._bytes)] = torch.tensor([bool(piece) for piece in self._bytes])
        self.allowed_V[self.end] = True
        self.forbidden = (~self.allowed_V).nonzero()[:, 0].numpy()

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of a prompt, int32, without begin and end; an unknown word is the unknown id.

        Raises:
            UserError: the text has half a surrogate pair, as an argument that is not UTF-8 gives.
        """
        return self._tokenizer.encode(self.content(text))

    def content(self, text: str) -> bytes:
        """Return a prompt as UTF-8.

        Raises:
            UserError: as `encode`.
        """
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            wrong = ascii(text[error.start])
            message = f"the prompt is no text: character {error.start} is {wrong}; give valid UTF-8"
            raise UserError(message) from error

    def token_bytes(self, token: int, *, first: bool) -> bytes:
        """Return the bytes by which a token makes the text longer.

        Args:
            token: an id of the tokenizer.
            first: whether no text stands before it; a word has a blank before it otherwise.
        """
        return self._bytes[token] if first else self._between + self._bytes[token]
