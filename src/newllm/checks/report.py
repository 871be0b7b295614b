"""What a check found, all probes together."""

from dataclasses import dataclass

from newllm.messages import catalogue
from newllm.trace.check import Check
from newllm.trace.rich import Rich, Shown
from newllm.words.checks import listed, part, question, reason, tally


@dataclass(frozen=True)
class CheckReport(Check, Rich):
    """The outcomes of all probes, as `newllm.check` returns them; `print` shows them."""

    def show(self, lang: str = "en") -> Shown:
        """Return what a notebook shows of it, in a language."""
        from newllm.report.notebook import check_shown  # what draws takes long to load, and only a notebook needs it

        return check_shown(self, catalogue(lang))

    def __str__(self) -> str:
        """Return how many answers there are of each kind, what is wrong in full, and names for the rest."""
        words = catalogue("en")
        lines = [tally(words, self)]
        for one in self.wrong:
            lines += [
                f"wrong: {question(words, one.probe)}",
                f"  {one.sentence}",
                f"  {part(words, one.probe, 'first')}",
            ]
        if sound := [one.probe for one in self.of("sound")]:
            lines.append(f"sound: {listed(words, sound)}")
        for group in self.unchecked():
            what = f"{reason(words, group)}{listed(words, group.probes)}"
            lines.append(what if group.argument else f"unchecked: {what}")
        return "\n".join(lines)
