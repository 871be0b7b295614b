"""A prompt told to who sent it, as the completions of OpenAI do."""

import json
from typing import Any

import numpy as np

from newllm.generation import TextStream
from newllm.inference.logprobs import Logprobs
from newllm.inference.request import Request
from newllm.inference.tokens import Tokens

_PIECE = 1 << 20  # characters that one event tells: more of them may be more than a frame can have


class Echo:
    """Tells the prompt of one request, chunk by chunk.

    A text is told as it was given, with its first chunk; token ids are told as their text.

    Args:
        request: whose.
        tokens: of the model.
        logprobs: describes them.
    """

    def __init__(self, request: Request, tokens: Tokens, logprobs: Logprobs) -> None:
        self._request, self._tokens, self._logprobs = request, tokens, logprobs
        self._untold, self._stream = request.text or "", TextStream(request.start.undecoded)
        self._left_out = len(request.start.rest)  # bytes, which were told before

    def chunk(self, ids: list[int], tokens_read: int, logits_TV: np.ndarray | None) -> list[str]:
        """Return as JSON the events that tell some ids of the prompt, those of every choice.

        Args:
            ids: the ids.
            tokens_read: how many stand before them.
            logits_TV: the prediction before each, where logprobs are wanted.
        """
        first = tokens_read == 1
        text, self._untold = self._untold, ""
        if self._request.text is None:
            pieces = [self._tokens.told(token, first=first and at == 0) for at, token in enumerate(ids)]
            text = self._stream.feed(self._without_rest(b"".join(pieces)))
        more = {}
        if logits_TV is not None:
            more["logprobs"] = self._logprobs.entries(logits_TV, ids, self._request.logprobs or 0, first=first)
        return self._events(text, **more)

    def rest(self) -> list[str]:
        """Return the events that tell what is still to be told of a text; it may have no tokens."""
        untold, self._untold = self._untold, ""
        return self._events(untold) if untold else []

    def _events(self, text: str, **more: Any) -> list[str]:
        """Return those that tell a text, the last of them with what else there is to tell."""
        *pieces, last = [text[first : first + _PIECE] for first in range(0, len(text), _PIECE)] or [""]
        said = [{"text": piece, "tokens": 0, "echo": True} for piece in pieces]
        said.append({"text": last, "tokens": 0, "echo": True, **more})
        bodies = [json.dumps(one, allow_nan=False)[1:] for one in said]
        number, choices = self._request.number, range(self._request.choices)
        return [f'{{"id":{number},"choice":{index},{body}' for index in choices for body in bodies]

    def _without_rest(self, piece: bytes) -> bytes:
        left_out = min(self._left_out, len(piece))
        self._left_out -= left_out
        return piece[left_out:]
