"""What a check found, all probes together."""

from dataclasses import dataclass
from typing import Any

from newllm.checks.outcome import Outcome, Status
from newllm.files import plain_data
from newllm.messages import Message, catalogue
from newllm.trace.rich import Rich, Shown

SCHEMA = 1
# What a caller can give so that more is checked, by the reason that a probe has without it.
_ARGUMENTS = {"no-loader": "loader", "no-step": "step", "no-evaluate": "evaluate", "no-schedule": "scheduler",
              "no-steps": "steps", "no-time": "seconds"}  # fmt: skip


@dataclass(frozen=True)
class Unchecked:
    """What could not be checked for one reason.

    Attributes:
        argument: of `newllm.check` that would allow it ("loader"); None where nothing would.
        reason: that the first of the probes gives.
        probes: their ids.
    """

    argument: str | None
    reason: Message
    probes: list[str]


@dataclass(frozen=True)
class CheckReport(Rich):
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

    def unchecked(self) -> list[Unchecked]:
        """Return what could not be checked by its reason: first what a caller could give, then what is not so here."""
        groups: dict[str, Unchecked] = {}
        for outcome in self.of("unchecked"):
            argument = _ARGUMENTS.get(outcome.sentence.id.rpartition(".")[2])
            empty = Unchecked(argument, outcome.sentence, [])
            groups.setdefault(argument or repr(outcome.sentence), empty).probes.append(outcome.probe)
        return sorted(groups.values(), key=lambda group: group.argument is None)  # stable

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

    def show(self, lang: str = "en") -> Shown:
        """Return what a notebook shows of it, in a language."""
        from newllm.report.notebook import check_shown  # what draws takes long to load, and only a notebook needs it

        return check_shown(self.as_dict(), catalogue(lang))

    def __str__(self) -> str:
        """Return a line for each outcome, what is wrong first; for what could not be checked one for each reason."""
        ordered = [outcome for status in ("wrong", "sound") for outcome in self.of(status)]
        lines = [f"{outcome.status:<9}  {outcome.probe:<16}  {outcome.sentence}" for outcome in ordered]
        for group in self.unchecked():
            why = f"give {group.argument}= to check" if group.argument else str(group.reason)
            lines.append(f"unchecked  {why}: {', '.join(group.probes)}")
        return "\n".join(lines)
