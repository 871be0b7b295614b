"""Log probabilities of tokens, in the two forms that OpenAI's API has for them."""

import codecs
from typing import Any

Token = dict[str, Any]
"""As the worker reports it: token, bytes, id, logprob, and top, a list of [token, bytes, logprob]."""

_NEVER = -9999.0
"""What OpenAI writes for a probability of 0, which has no logarithm."""


class CompletionLogprobs:
    """The form of completions: lists beside each other, and the place of each token in the text."""

    def __init__(self) -> None:
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def form(self, tokens: list[Token]) -> dict[str, Any]:
        """Return some tokens that follow those before."""
        offsets = [self._place(bytes(token["bytes"])) for token in tokens]
        return {
            "tokens": [_shown(token["token"], token["bytes"]) for token in tokens],
            "token_logprobs": [token["logprob"] for token in tokens],
            "top_logprobs": [_top(token) for token in tokens],
            "text_offset": offsets,
        }

    def _place(self, content: bytes) -> int:
        """Return at which character of the text a token begins, which may be a part of one."""
        is_inside = bool(content) and content[0] & 0xC0 == 0x80  # UTF-8's mark of a byte that is not the first
        cut = bool(self._decoder.getstate()[0] and content and not is_inside)  # U+FFFD for a character without end
        place = self._offset + int(cut)
        self._offset += len(self._decoder.decode(content))
        return place


def chat_form(tokens: list[Token]) -> list[dict[str, Any]]:
    """Return tokens in the form of chat completions and responses: a list of objects."""
    return [
        {
            **_described(token["token"], token["bytes"], token["logprob"]),
            "top_logprobs": [_described(*one) for one in token["top"] or ()],
        }
        for token in tokens
    ]


def _described(text: str, content: list[int], logprob: float | None) -> dict[str, Any]:
    return {"token": text, "bytes": content, "logprob": _NEVER if logprob is None else logprob}


def _top(token: Token) -> dict[str, float] | None:
    if token["logprob"] is None:  # nothing was predicted before the first token
        return None
    return {_shown(text, content): logprob for text, content, logprob in token["top"] or ()}


def _shown(text: str, content: list[int]) -> str:
    """Return a token's text; where it is only a part of a character its bytes, as OpenAI writes them."""
    return "bytes:" + "".join(f"\\x{byte:02x}" for byte in content) if "\ufffd" in text else text
