"""A response as OpenAI's API has it, from its beginning to its end."""

import secrets
import time
from typing import Any

from newllm.serve.api_errors import ApiError
from newllm.serve.openai.call import encoded
from newllm.serve.openai.choices import Choice
from newllm.serve.openai.logprobs import chat_form
from newllm.serve.openai.usage import Usage
from newllm.serve.store import new_response_id

_ALWAYS: dict[str, Any] = {
    "error": None, "incomplete_details": None, "output": [], "parallel_tool_calls": False, "tool_choice": "none",
    "tools": [], "truncation": "disabled", "background": False, "text": {"format": {"type": "text"}}, "usage": None,
}  # fmt: skip


class ResponseObject:
    """One response.

    Args:
        given: its fields that the request decided.
        return_state: whether the client gets the state.

    Attributes:
        id: nobody can guess it.
        message: the id of its message.
        content: the JSON object, as far as it has come.
        state: after its last token, once it has ended.
    """

    def __init__(self, given: dict[str, Any], *, return_state: bool) -> None:
        self.id, self.message = new_response_id(), f"msg_{secrets.token_hex(16)}"
        self._return_state, self.state = return_state, b""
        head = {"id": self.id, "object": "response", "created_at": int(time.time()), "status": "in_progress"}
        self.content: dict[str, Any] = {**head, **_ALWAYS, **given}

    @property
    def record(self) -> dict[str, Any]:
        """What is stored of it: the object without the state, which is stored beside it."""
        return {name: value for name, value in self.content.items() if name != "state"}

    def item(self, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """Return its message."""
        return {"id": self.message, "type": "message", "role": "assistant", "status": status, "content": parts}

    def end(self, choice: Choice, usage: Usage) -> None:
        """Take what was written: the response is complete, or incomplete where it ran out of tokens."""
        self.state = choice.state
        is_whole = choice.finish in ("stop", "end")
        status = "completed" if is_whole else "incomplete"
        details = None if is_whole else {"reason": "max_output_tokens"}
        self.content |= {
            "status": status, "incomplete_details": details, "output": [self.item(status, [part(choice)])],
            "completed_at": int(time.time()) if is_whole else None, "usage": usage.as_response(),
        }  # fmt: skip
        if self._return_state:
            self.content["state"] = encoded(choice.state)

    def fail(self, error: ApiError) -> None:
        """Take an error: nothing of it is stored."""
        code = "server_error" if error.status >= 500 else "invalid_prompt"
        failure = {"code": code, "message": error.message}
        self.content |= {"status": "failed", "error": failure, "store": False}


def part(choice: Choice | None) -> dict[str, Any]:
    """Return the part of a message that holds a text; an empty one where none has been written."""
    text, logprobs = (choice.text, chat_form(choice.tokens)) if choice else ("", [])
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}
