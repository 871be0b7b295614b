"""What a check found, all probes together."""

from dataclasses import dataclass
from typing import Any

from newllm.checks.outcome import Outcome, Status
from newllm.files import plain_data

SCHEMA = 1


@dataclass(frozen=True)
class CheckReport:
    """The outcomes of all probes.

    Attributes:
        outcomes: in the order of the probes.
        seconds: that it took.
    """

    outcomes: tuple[Outcome, ...]
    seconds: float

    def of(self, status: Status) -> list[Outcome]:
        """Return the outcomes of one status."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    @property
    def wrong(self) -> list[Outcome]:
        """What is wrong."""
        return self.of("wrong")

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, with English sentences beside their ids; a number that is not finite is None."""
        listed = [
            {
                "probe": outcome.probe,
                "status": outcome.status,
                "sentence": str(outcome.sentence),
                "message": outcome.sentence.as_dict(),
                "evidence": outcome.evidence,
            }
            for outcome in self.outcomes
        ]
        return plain_data({"schema": SCHEMA, "outcomes": listed, "seconds": self.seconds})

    def __str__(self) -> str:
        """Return a line for each outcome, what is wrong first."""
        ordered = [outcome for status in ("wrong", "sound", "unchecked") for outcome in self.of(status)]
        return "\n".join(f"{outcome.status:<9}  {outcome.probe:<16}  {outcome.sentence}" for outcome in ordered)
