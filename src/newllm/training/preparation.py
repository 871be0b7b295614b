"""What a start takes before the first update: shown to the person, and kept in summary.json."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from newllm.training.probe import PrecisionProbe


class Preparation:
    """Seconds by part, and what the probe of the precision measured.

    Args:
        before: seconds that had passed when this began, "start" of the parts.
        budget: seconds of a run that the clock ends.
    """

    def __init__(self, before: float = 0.0, budget: float | None = None) -> None:
        self.budget = budget
        self.seconds: dict[str, float] = {"start": before}
        self.precision: PrecisionProbe | None = None

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

    def said(self) -> list[str]:
        """Return what a person should know of the precision; nothing where it was not probed."""
        probe = self.precision
        if probe is None:
            return []
        if not probe.seconds:
            why = "this processor does not compute this body in bf16" if probe.agreed else "no time to measure bf16"
            return [f"precision {probe.chosen}: {why}"]
        numbers = " and ".join(f"{value:.3g} s in {name}" for name, value in probe.seconds.items())
        doubt = "" if probe.agreed else ", too few rounds that agree (a busy machine, or a short time)"
        return [f"precision {probe.chosen}: an update takes {numbers} ({probe.rounds} rounds){doubt}"]
