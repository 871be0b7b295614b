"""A signal drawn on a page of the terminal: its name, its ends, the curve, and a closer look at a short stretch."""

import dataclasses
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from newllm.cli.paper import LONGEST_PATH, Paper
from newllm.plotting import colours
from newllm.plotting.terminal import draw_curve
from newllm.report.window import closer
from newllm.trace import Series
from newllm.words.labels import axis_label
from newllm.words.plain import plain

_SIDE_BY_SIDE = 70  # cells from which a closer look fits beside the whole


@dataclass(frozen=True)
class DrawnSignal:
    """What is the same in every drawing of one signal.

    Attributes:
        signal: its name.
        axis: what its steps count, "step" or "epoch".
        region: first and last of the steps that are marked.
        height: rows of the curve.
        paper: what it is drawn on.
        behind: the same signal of another run, in grey behind it, and the name of that run; None for none.
    """

    signal: str
    axis: str
    region: tuple[float, float] | None
    height: int
    paper: Paper
    behind: tuple[Series, str] | None = None

    def draw(self, series: Series, width: int) -> list[Text]:
        """Return the rows of a drawing, at most `width` cells wide."""
        words = self.paper.words
        first, last = f"{series.step[0]:,}", f"{series.step[-1]:,}"
        ends = words("steps-range", axis=axis_label(words, self.axis), first=first, last=last)
        name = plain(self.signal, max(10, width - cell_len(ends) - 3))
        title = Text.assemble((name, "bold"), "  ", (ends, colours.MUTED))
        if self.behind is not None:
            title.append(f"  {words('figure-in_grey', other=plain(self.behind[1], LONGEST_PATH))}", colours.MUTED)
            title.truncate(width, overflow="ellipsis" if self.paper.unicode else "crop")
        colour = colours.of_signal(self.signal)
        marked = () if self.region is None else (self.region,)
        rows = draw_curve(
            series.step, series.value, width=width, height=self.height, marked=marked, colour=colour,
            unicode=self.paper.unicode, words=words,
            behind=None if self.behind is None else (self.behind[0].step, self.behind[0].value),
        )  # fmt: skip
        return [title, *rows]

    def draw_closer(self, series: Series, width: int, *, alone: int) -> list[Text]:
        """Return the drawing with a closer look at the stretch beside it, where that shows more and there is room.

        Args:
            series: the whole.
            width: of all of it, in cells.
            alone: rows of the curve where there is no closer look.
        """
        near = closer(series, self.region) if width >= _SIDE_BY_SIDE else None
        if near is None:
            return dataclasses.replace(self, height=alone).draw(series, width)
        half = (width - 3) // 2
        return _beside(self.draw(series, half), self.draw(near, half), half + 3)


def _beside(left: list[Text], right: list[Text], at: int) -> list[Text]:
    rows = []
    for index in range(max(len(left), len(right))):
        row = left[index].copy() if index < len(left) else Text()
        row.pad_right(at - row.cell_len)
        rows.append(row.append_text(right[index]) if index < len(right) else row)
    return rows
