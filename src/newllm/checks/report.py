"""What a check found, all probes together."""

from dataclasses import dataclass

from newllm.messages import catalogue
from newllm.trace.check import Check
from newllm.trace.rich import Rich, Shown


@dataclass(frozen=True)
class CheckReport(Check, Rich):
    """The outcomes of all probes, as `newllm.check` returns them; `print` shows them."""

    def show(self, lang: str = "en") -> Shown:
        """Return what a notebook shows of it, in a language."""
        from newllm.report.notebook import check_shown  # what draws takes long to load, and only a notebook needs it

        return check_shown(self, catalogue(lang))

    def __str__(self) -> str:
        """Return a line for each outcome, what is wrong first; for what could not be checked one for each reason."""
        ordered = [outcome for status in ("wrong", "sound") for outcome in self.of(status)]
        lines = [f"{outcome.status:<9}  {outcome.probe:<16}  {outcome.sentence}" for outcome in ordered]
        for group in self.unchecked():
            why = f"give {group.argument}= to check" if group.argument else str(group.reason)
            lines.append(f"unchecked  {why}: {', '.join(group.probes)}")
        return "\n".join(lines)
