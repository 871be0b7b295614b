"""What a request used, in tokens."""

from dataclasses import dataclass
from typing import Any

from newllm.serve.generation import Event


@dataclass
class Usage:
    """Tokens of one HTTP request.

    Attributes:
        prompt: read, those of the states that it went on from included.
        cached: of these the states had read already.
        written: by all choices.
    """

    prompt: int = 0
    cached: int = 0
    written: int = 0

    def add(self, done: Event, n: int) -> None:
        """Add a choice that is done; the prompt counts once for all n choices of it."""
        self.written += done["completion_tokens"]
        if done["choice"] % n == 0:
            self.prompt += done["prompt_tokens"]
            self.cached += done["cached_tokens"]

    def as_completion(self) -> dict[str, Any]:
        """Return it as completions and chat completions have it."""
        return {
            "prompt_tokens": self.prompt, "completion_tokens": self.written,
            "total_tokens": self.prompt + self.written, "prompt_tokens_details": {"cached_tokens": self.cached},
        }  # fmt: skip

    def as_response(self) -> dict[str, Any]:
        """Return it as responses have it."""
        return {
            "input_tokens": self.prompt,
            "input_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": 0},
            "output_tokens": self.written, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.prompt + self.written,
        }  # fmt: skip
