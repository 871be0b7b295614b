"""How likely tokens were: the model's own prediction, before temperature and filters, without what is never chosen.

Shapes: T tokens, V vocabulary.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from newllm.inference.tokens import Tokens


class Logprobs:
    """Describes tokens as a frame tells them.

    Args:
        tokens: of the model.
        forbidden: those that are never chosen.
    """

    def __init__(self, tokens: Tokens, forbidden: np.ndarray) -> None:
        self._tokens, self._forbidden = tokens, forbidden

    def entries(
        self, logits_TV: np.ndarray, ids: Sequence[int], most: int, *, first: bool = False
    ) -> list[dict[str, Any]]:
        """Return of each token its text, bytes, id, natural logarithm of its probability, and the likeliest rivals.

        Args:
            logits_TV: the predictions before them.
            ids: the tokens.
            most: how many of the likeliest tokens are told, the token itself among them where it is one.
            first: whether the first of them begins its text.
        """
        log_TV = self._log_softmax(logits_TV)
        rows = zip(ids, log_TV, strict=True)
        return [self._entry(token, log_V, most, first=first and at == 0) for at, (token, log_V) in enumerate(rows)]

    def _log_softmax(self, logits_TV: np.ndarray) -> np.ndarray:
        values_TV = logits_TV.astype(np.float64)
        values_TV[:, self._forbidden] = -math.inf
        with np.errstate(invalid="ignore"):  # of a model that has diverged there is nothing to say
            values_TV -= values_TV.max(axis=1, keepdims=True)
            values_TV -= np.log(np.exp(values_TV).sum(axis=1, keepdims=True))
        return values_TV

    def _entry(self, token: int, log_V: np.ndarray, most: int, *, first: bool) -> dict[str, Any]:
        text, own_bytes = self._tokens.label(token, first=first)
        likeliest = np.argsort(-log_V, kind="stable")[:most].tolist()
        top = [
            [*self._tokens.label(other, first=first), float(log_V[other])]
            for other in likeliest
            if math.isfinite(log_V[other])
        ]
        own = float(log_V[token])
        return {
            "token": text,
            "bytes": own_bytes,
            "id": token,
            "logprob": own if math.isfinite(own) else None,
            "top": top,
        }
