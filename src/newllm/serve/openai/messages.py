"""Messages of chats and responses: a role and a text each."""

from typing import Any

from newllm.serve.api_errors import ApiError, bad_value
from newllm.serve.chat_template import Messages
from newllm.serve.openai.fields import Fields, whole_text

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_TEXTS = ("text", "input_text", "output_text")
_KNOWN = ("role", "content", "type", "id", "status")  # the last two are those of messages that were answers
_MOST = 10_000


def read_messages(name: str, given: Any, fields: Fields) -> Messages:
    """Return the messages of a field.

    Args:
        name: of the field.
        given: what it holds.
        fields: told what of the messages means nothing here.

    Raises:
        ApiError: it is no list of messages of texts.
    """
    if not isinstance(given, list) or not given or len(given) > _MOST:
        raise bad_value(name, given, f'a list of 1 to {_MOST:,} messages, as [{{"role": "user", "content": "Hi"}}]')
    messages = [_message(f"{name}[{place}]", one) for place, one in enumerate(given)]
    fields.pass_over(name, {each for one in given for each, value in one.items() if value and each not in _KNOWN})
    return messages


def _message(where: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or given.get("type", "message") != "message":
        raise bad_value(where, given, 'a message, as {"role": "user", "content": "Hi"}')
    role = given.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise bad_value(f"{where}.role", role, f"one of {', '.join(_ROLES)}")
    return {"role": _ROLES[role], "content": _content(f"{where}.content", given.get("content"))}


def _content(where: str, given: Any) -> str:
    if isinstance(given, str):
        return whole_text(where, given)
    if not isinstance(given, list):
        raise bad_value(where, given, 'a text, or a list of parts, as [{"type": "text", "text": "Hi"}]')
    texts = []
    for part in given:
        if not isinstance(part, dict) or part.get("type") not in _TEXTS:
            raise bad_value(where, part, "a part of type text: this model reads nothing else")
        texts.append(whole_text(where, part.get("text")))
    return "".join(texts)


def no_template(model: str, what: str) -> ApiError:
    """Return the error of a model without a chat template that is given messages."""
    return ApiError(
        400,
        f"model '{model}' has no chat template, so {what} mean nothing to it: send a text to /v1/completions, "
        "or start newllm serve with --chat-template FILE",
        code="no_chat_template",
    )
