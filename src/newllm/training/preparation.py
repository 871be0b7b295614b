"""What a start takes before the first update: shown to the person, and kept in summary.json."""

import contextlib
import functools
import time
from collections.abc import Iterator
from typing import Any

from newllm.messages import Message, message
from newllm.training.precision_timing import PrecisionTiming


class Preparation:
    """Seconds by part, and the timing of both precisions.

    Args:
        before: seconds that had passed when this began, "start" of the parts.
        budget: seconds of a run that the clock ends.
    """

    def __init__(self, before: float = 0.0, budget: float | None = None) -> None:
        self.budget = budget
        self.seconds: dict[str, float] = {"start": before}
        self.precision: PrecisionTiming | None = None

    @contextlib.contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Measure a part."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - began

    def as_dict(self) -> dict[str, Any]:
        """Return it as it stands in summary.json."""
        seconds = {part: round(value, 3) for part, value in self.seconds.items()}
        return {
            "budget": self.budget,
            "seconds": seconds,
            "precision": None if self.precision is None else self.precision.as_dict(),
        }

    def __str__(self) -> str:
        parts = ", ".join(f"{part} {value:.1f}" for part, value in self.seconds.items() if value >= 0.05)
        return f"{sum(self.seconds.values()):.1f} s ({parts or 'at once'})"

    def notices(self) -> list[Message]:
        """Return what a person should know of the precision; nothing where it was not timed."""
        timing = self.precision
        if timing is None:
            return []
        if not timing.seconds:
            why = "notice-not_in_bf16" if timing.agreed else "notice-no_time_to_measure"
            return [message(why, precision=timing.chosen)]
        took = [message("notice-took_in", seconds=value, precision=name) for name, value in timing.seconds.items()]
        known = {"precision": timing.chosen, "rounds": timing.rounds, "agreed": timing.agreed}
        return [message("notice-precision", took=functools.reduce(_and, took), **known)]


def _and(before: Message, following: Message) -> Message:
    return message("notice-took_and", before=before, following=following)
