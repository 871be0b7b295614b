"""A prompt told to who sent it, as the completions of OpenAI do."""

from typing import Any

import numpy as np

from newllm.generation import TextStream
from newllm.inference.logprobs import Logprobs
from newllm.inference.request import Request
from newllm.inference.tokens import Tokens


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

    def chunk(self, ids: list[int], tokens_read: int, logits_TV: np.ndarray | None) -> dict[str, Any]:
        """Return what an event says of some ids of the prompt.

        Args:
            ids: the ids.
            tokens_read: how many stand before them.
            logits_TV: the prediction before each, where logprobs are wanted.
        """
        first = tokens_read == 1
        said: dict[str, Any] = {"text": self.rest(), "tokens": 0, "echo": True}
        if self._request.text is None:
            pieces = [self._tokens.told(token, first=first and at == 0) for at, token in enumerate(ids)]
            said["text"] = self._stream.feed(self._without_rest(b"".join(pieces)))
        if logits_TV is not None:
            said["logprobs"] = self._logprobs.entries(logits_TV, ids, self._request.logprobs or 0, first=first)
        return said

    def rest(self) -> str:
        """Return what is still to be told of a text; it may have no tokens."""
        untold, self._untold = self._untold, ""
        return untold

    def _without_rest(self, piece: bytes) -> bytes:
        left_out = min(self._left_out, len(piece))
        self._left_out -= left_out
        return piece[left_out:]
