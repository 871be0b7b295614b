"""How the runs of a comparison are told apart: each has one colour and one dash, the same on every chart.

Arms differ by colour. The seeds of an arm share its colour and differ by dash. Where there is but one arm, its runs
have the colours. Beyond the last of them colours recur with the next dash.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from newllm.report.several.arms import Arm, Member

COLOURS = ("training", "validation", "context", "learning-rate", "sky", "spike")
DASHES = 3
"""Solid, dashed, dotted."""


@dataclass(frozen=True)
class LineStyle:
    """Attributes: colour, a name of the stylesheet; dash, which of `DASHES`."""

    colour: str
    dash: int = 0


class LineStyles:
    """The styles of all runs of a comparison and of its arms."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        """Args: arms: all that are compared, whether or not a chart has them."""
        self._runs: dict[Member, LineStyle] = {}
        self._means: dict[Member, LineStyle] = {}
        for at, arm in enumerate(arms):
            for number, member in enumerate((*arm.members, *arm.repeated)):
                self._runs[member] = _style(number) if len(arms) == 1 else _style(at, number)
            alone = len(arms) == 1 and arm.n > 1  # its runs have the colours
            self._means |= {member: LineStyle("ink") if alone else _style(at) for member in arm.members}

    def of_run(self, member: Member) -> LineStyle:
        """Return the style of a run."""
        return self._runs[member]

    def of_arm(self, arm: Arm) -> LineStyle:
        """Return the style of an arm's mean: its run's where it has one run."""
        return self._means[arm.members[0]]


def _style(place: int, later: int = 0) -> LineStyle:
    return LineStyle(COLOURS[place % len(COLOURS)], (place // len(COLOURS) + later) % DASHES)
