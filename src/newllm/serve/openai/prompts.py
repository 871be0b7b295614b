"""Prompts of completions: a text, a list of texts, the ids of tokens, or a list of such lists."""

from typing import Any

from newllm.serve.api_errors import ApiError, bad_value
from newllm.serve.openai.fields import whole_text

MOST_PROMPTS = 1024

Prompt = dict[str, Any]
"""As the worker takes it: {"text": ...} or {"tokens": [...]}."""

_WANTED = "a text, a list of texts, a list of token ids, or a list of lists of token ids"


def read_prompts(given: Any, vocabulary: int) -> list[Prompt]:
    """Return the prompts of a request; without any the empty text.

    Args:
        given: the field `prompt`.
        vocabulary: how many tokens there are.

    Raises:
        ApiError: it is none.
    """
    if given is None:
        return [{"text": ""}]
    if isinstance(given, str):
        return [{"text": whole_text("prompt", given)}]
    if not isinstance(given, list) or not given:
        raise bad_value("prompt", given, _WANTED)
    if len(given) > MOST_PROMPTS and not _is_number(given[0]):
        raise ApiError(400, f"prompt has {len(given):,} prompts: at most {MOST_PROMPTS:,} at once", param="prompt")
    if all(isinstance(one, str) for one in given):
        return [{"text": whole_text("prompt", one)} for one in given]
    if all(isinstance(one, list) for one in given):
        return [{"tokens": _tokens(one, vocabulary)} for one in given]
    return [{"tokens": _tokens(given, vocabulary)}]


def _tokens(given: list[Any], vocabulary: int) -> list[int]:
    for place, token in enumerate(given):
        if type(token) is not int:
            raise bad_value("prompt", given, _WANTED)
        if not 0 <= token < vocabulary:
            raise ApiError(
                400, f"prompt has token {token} at place {place}: the model has tokens 0 to {vocabulary - 1:,}",
                param="prompt", code="invalid_value",
            )  # fmt: skip
    return given


def _is_number(given: Any) -> bool:
    return isinstance(given, int)
