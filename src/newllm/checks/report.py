"""What a check found, all probes together."""

from dataclasses import dataclass

from newllm.trace.check import Check


@dataclass(frozen=True)
class CheckReport(Check):
    """The outcomes of all probes, as `newllm.check` returns them; `print` shows them."""

    def __str__(self) -> str:
        """Return a line for each outcome, what is wrong first; for what could not be checked one for each reason."""
        ordered = [outcome for status in ("wrong", "sound") for outcome in self.of(status)]
        lines = [f"{outcome.status:<9}  {outcome.probe:<16}  {outcome.sentence}" for outcome in ordered]
        for group in self.unchecked():
            why = f"give {group.argument}= to check" if group.argument else str(group.reason)
            lines.append(f"unchecked  {why}: {', '.join(group.probes)}")
        return "\n".join(lines)
