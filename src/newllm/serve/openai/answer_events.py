"""The stream of a completion or a chat completion: data without names, in the same form for every piece."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from newllm.serve.api_errors import ApiError
from newllm.serve.generation import Event
from newllm.serve.openai.call import Call, encoded
from newllm.serve.openai.choices import Choice, finish_reason
from newllm.serve.openai.forms import Form
from newllm.serve.openai.usage import Usage
from newllm.serve.sse import DONE, dumped, event, quoted_json

Remember = Callable[[Choice], None]


class AnswerEvents:
    """Events of one answer.

    Args:
        call: the request.
        form: of the answer.
        head: the fields that every object of it has.
        choices: how many there are.
        n: choices a prompt.

    Attributes:
        logprobs: whether log probabilities are wanted.
        state: whether the states are wanted.
        with_usage: whether the stream ends with what was used.
        remember: told each choice that has ended; None where nobody asks.
    """

    logprobs, state, with_usage = False, False, False
    remember: Remember | None = None

    def __init__(self, call: Call, form: Form, head: dict[str, Any], choices: int, n: int) -> None:
        self._call, self._form, self._head, self._choices, self._n = call, form, head, choices, n
        self._start = b"data: " + dumped(head)[:-1].replace(b"%", b"%%") + b',"choices":[{"index":%d,%b'
        self._usage = Usage()
        self._written = defaultdict[int, Choice](Choice)  # where they are to be remembered

    def begin(self) -> bytes:
        """Return the events before all others: of a chat the role of each choice."""
        if not self._form.first:
            return b""
        first = self._form.first + b',"logprobs":null,"finish_reason":null'
        return b"".join(self._start % (index, first) + self._end for index in range(self._choices))

    def piece(self, events: list[Event]) -> bytes:
        """Return the events that tell of what has been written."""
        written, start, end = [], self._start, self._end
        for one in events:
            if "finish" in one:
                self._usage.add(one, self._n)
            if self.remember is not None:
                self._note(self.remember, one)
            if body := self._body(one):
                written += (start % (one["choice"], body), end)
        return b"".join(written)

    def _note(self, remember: Remember, one: Event) -> None:
        choice = self._written[one["choice"]]
        choice.add({**one, "logprobs": None})
        if choice.finish:
            remember(self._written.pop(one["choice"]))

    async def end(self) -> bytes:
        """Return the last events."""
        self._call.account(self._usage)
        used = {**self._head, "choices": [], "usage": self._usage.as_completion()}
        return (event(used) if self.with_usage else b"") + DONE

    def failed(self, error: ApiError) -> bytes:
        """Return the event that ends the stream with an error."""
        return event(error.content)

    @property
    def _end(self) -> bytes:
        return b'}],"usage":null}\n\n' if self.with_usage else b"}]}\n\n"

    def _body(self, one: Event) -> bytes:
        """Return a choice as an event has it, but for its index; b"" where there is nothing to say."""
        if "finish" in one:
            state = b',"state":"%b"' % encoded(one["state"]).encode() if self.state else b""
            reason = finish_reason(one["finish"]).encode()
            return b'%b,"logprobs":null,"finish_reason":"%b"%b' % (self._form.last, reason, state)
        logprobs = b"null"
        if self.logprobs and one.get("logprobs"):
            logprobs = dumped(self._form.logprobs(one["choice"], one["logprobs"]))
        elif not one["text"]:
            return b""
        before, after = self._form.piece
        text = quoted_json(one["text"]).encode()
        return b'%b%b%b,"logprobs":%b,"finish_reason":null' % (before, text, after, logprobs)
