"""In which places the answers of completions and chat completions differ."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from newllm.serve.openai.logprobs import Token


class Form(ABC):
    """What is particular to one of the two."""

    prefix: ClassVar[str]
    """Of ids."""
    object: ClassVar[str]
    """The name of a whole answer."""
    chunk: ClassVar[str]
    """The name of a piece of a stream."""
    first: ClassVar[bytes]
    """With what the stream of a choice begins, b"" where it needs nothing."""
    piece: ClassVar[tuple[bytes, bytes]]
    """What surrounds a text in a stream."""
    last: ClassVar[bytes]
    """What a stream has in the place of a piece when a choice ends."""

    @abstractmethod
    def whole(self, text: str) -> dict[str, Any]:
        """Return a text as a choice has it."""

    @abstractmethod
    def logprobs(self, choice: int, tokens: list[Token]) -> dict[str, Any]:
        """Return the log probabilities of tokens that follow those before of a choice."""
