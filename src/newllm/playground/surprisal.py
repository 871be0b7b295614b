"""What a model expected of each token of a text: its text, its surprise in bits, and the likeliest rivals.

Bits and probabilities are the model's own, at temperature 1 and without any filter, whatever the token was chosen by.

Shapes: T tokens, V vocabulary.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from newllm.data import Tokenizer
from newllm.generation import TextStream, Vocabulary

RIVALS = 5
"""How many of the likeliest tokens are told."""


class Surprise:
    """Describes tokens as plain data.

    Args:
        tokenizer: the run's.
        vocabulary: of the engine.
    """

    def __init__(self, tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
        self._tokenizer, self._vocabulary = tokenizer, vocabulary

    def tokens(
        self, ids: Sequence[int], predicted_TV: Tensor, stream: TextStream, *, first: int
    ) -> list[dict[str, Any]]:
        """Return `place`, `id`, `piece`, `bits` and `rivals` of each token.

        A piece is the text that is whole with its token: inside a character of several tokens it is empty, and
        `raw` holds the token's bytes as hex. A token that stands for no text has `what`: "begin", "end", "unknown"
        or "none".

        Args:
            ids: some tokens.
            predicted_TV: the logits before each.
            stream: what came before them has been fed to it; they are too.
            first: how many tokens of the text stand before the first.
        """
        bits_T = self.bits(ids, predicted_TV).tolist()
        rivals = self._rivals(predicted_TV)
        return [
            {"place": first + at, "id": token, **self._text(token, stream, first=first + at == 0),
             "bits": round(bits, 4) if math.isfinite(bits) else None, "rivals": rivals[at]}
            for at, (token, bits) in enumerate(zip(ids, bits_T, strict=True))
        ]  # fmt: skip

    @staticmethod
    def bits(ids: Sequence[int], predicted_TV: Tensor) -> Tensor:
        """Return -log2 of the probability of each token, `[T]`."""
        log_TV = predicted_TV.float().log_softmax(dim=-1)
        chosen_T1 = torch.tensor(list(ids), device=predicted_TV.device)[:, None]
        return -log_TV.gather(1, chosen_T1)[:, 0] / math.log(2)

    def label(self, token: int) -> str:
        r"""Return the text of a token that stands alone; bytes that are no text as `\xe3`."""
        text = self._bytes(token, first=True).decode("utf-8", "backslashreplace")
        return text or f"[{self._what(token)}]"

    def _text(self, token: int, stream: TextStream, *, first: bool) -> dict[str, str]:
        raw = self._bytes(token, first=first)
        piece = stream.feed(raw)
        if not raw:
            return {"piece": piece, "what": self._what(token)}
        return {"piece": piece} if piece else {"piece": piece, "raw": raw.hex()}

    def _bytes(self, token: int, *, first: bool) -> bytes:
        """Return a token's bytes; a head may have more rows than there are ids."""
        return self._vocabulary.token_bytes(token, first=first) if self._has_text(token) else b""

    def _has_text(self, token: int) -> bool:
        return token < self._tokenizer.vocab_size and bool(self._vocabulary.token_bytes(token, first=True))

    def _what(self, token: int) -> str:
        tokenizer = self._tokenizer
        names = {tokenizer.begin: "begin", tokenizer.end: "end", tokenizer.unknown: "unknown"}
        return names.get(token, "none")

    def _rivals(self, predicted_TV: Tensor) -> list[list[tuple[str, float]]]:
        top = predicted_TV.float().softmax(dim=-1).topk(min(RIVALS, predicted_TV.shape[-1]), dim=-1)
        return [
            [(self.label(token), round(share, 5)) for token, share in zip(tokens, shares, strict=True)]
            for tokens, shares in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        ]
