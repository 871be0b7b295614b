"""What clients ask: texts of small letters, a byte and a token each for every model here, none of them twice."""

import random
from typing import Any

from served import Served

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Prompts:
    """Random texts.

    Args:
        seed: of all of them.
    """

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)

    def text(self, tokens: int) -> str:
        """Return a text of so many tokens."""
        return "".join(self._chance.choices(_LETTERS, k=tokens))

    def streams(
        self, server: Served, count: int, prompt: int, tokens: int, *, every: float = 0.0, kind: str = "stream",
        start: float = 0.0,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Return streams for `clients.py`.

        Args:
            server: that is asked.
            count: how many.
            prompt: tokens of each prompt.
            tokens: that each is to get.
            every: seconds from one to the next.
            kind: by which they are told apart.
            start: seconds until the first.
        """
        bodies = [server.body(self.text(prompt), tokens) for _ in range(count)]
        return [{"at": start + every * i, "kind": kind, "body": body} for i, body in enumerate(bodies)]
