"""The choices of a generation, put together from its events."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.types import Receive

from newllm.serve.generation import Event, Generation
from newllm.serve.openai.logprobs import Token
from newllm.serve.openai.usage import Usage
from newllm.serve.sse import listening

_FINISHES = {"stop": "stop", "end": "stop", "length": "length", "positions": "length"}


@dataclass
class Choice:
    """One text.

    Attributes:
        texts: its pieces.
        tokens: what was reported of its tokens.
        finish: why it ended, as the worker says; "" while it goes on.
        state: after it, where it was to be kept.
        is_whole: whether it does not end inside a character.
    """

    texts: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    finish: str = ""
    state: bytes = b""
    is_whole: bool = True

    @property
    def text(self) -> str:
        """The whole."""
        return "".join(self.texts)

    def add(self, event: Event) -> None:
        """Add an event of it."""
        if "finish" in event:
            self.finish, self.state, self.is_whole = event["finish"], event["state"], event["whole"]
            return
        self.texts.append(event["text"])
        self.tokens += event.get("logprobs") or ()


async def collected(generation: Generation, receive: Receive, n: int) -> tuple[Sequence[Choice], Usage]:
    """Wait for all choices; cancel them if the client goes away.

    Args:
        generation: what is being written.
        receive: of the request.
        n: choices of each prompt.

    Raises:
        ApiError: the worker or the request failed.
        ClientGoneError: the client went away.
    """
    choices, usage = [Choice() for _ in range(generation.choices)], Usage()
    try:
        async with listening(receive, generation):
            while events := await generation.take():
                for event in events:
                    choices[event["choice"]].add(event)
                    if "finish" in event:
                        usage.add(event, n)
    finally:
        generation.close()
    return choices, usage


def finish_reason(finish: str) -> str:
    """Return why a text ended, as OpenAI says it."""
    return _FINISHES[finish]
