"""The training loss as it goes: a small curve under the progress line, with validation as points and spikes marked.

Its history is bounded (`plotting/history.py`), and no spike is sampled away.
"""

import math
import statistics
from collections import deque
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from newllm.cli.paper import WIDEST
from newllm.diagnosis.onset import BACK, LONG, Onset
from newllm.messages import Catalogue
from newllm.plotting import colours
from newllm.plotting.history import History
from newllm.plotting.terminal import draw_curve
from newllm.training.observer import Past

_HEIGHT = 6  # rows of the plot, where the screen has room
_BESIDE = 12  # rows that a screen keeps for what else is told, and for the axis
_LEAST = 3  # rows of a plot that is worth its place


@dataclass
class _OffTrend:
    """A stretch off the trend, as it is marked: `last` moves on until the loss is halfway back, or stays there."""

    first: int
    last: int
    level: float
    is_open: bool = True


class LiveCurve:
    """What rich draws, at any time, of the run so far.

    Args:
        words: the language.
        unicode: the terminal's encoding has braille and lines.
    """

    def __init__(self, words: Catalogue, *, unicode: bool) -> None:
        self.words, self.unicode = words, unicode
        self._training, self._validation = History(), History()
        self._stretches: list[_OffTrend] = []
        self._lately: deque[float] = deque(maxlen=BACK)
        self._drawn: tuple[object, list[Text]] = (None, [])

    def stepped(self, step: int, loss: float) -> None:
        """Take in an update."""
        self._training.add(step, loss)
        self._lately.append(loss)
        if self._stretches and self._stretches[-1].is_open:
            self._follow(self._stretches[-1], step)

    def evaluated(self, step: int, loss: float) -> None:
        """Take in an evaluation."""
        if step > self._validation.last:  # a resumed run may evaluate again where it begins
            self._validation.add(step, loss)

    def resumed(self, past: Past) -> None:
        """Take in what a run that goes on has behind it."""
        onsets = {onset.step: onset for onset in past.onsets}
        for step, loss in zip(past.loss.step.tolist(), past.loss.value.tolist(), strict=True):
            self.stepped(step, loss)
            if step in onsets:
                self.left_trend(onsets[step])
        for step, loss in zip(past.validation.step.tolist(), past.validation.value.tolist(), strict=True):
            self.evaluated(step, loss)

    def left_trend(self, onset: Onset) -> None:
        """Take in that the loss has left its trend."""
        half = math.exp(0.5 * onset.rise) if math.isfinite(onset.rise) else math.inf
        self._stretches.append(_OffTrend(onset.onset, onset.step, onset.base * half))

    def went_back(self, step: int) -> None:
        """Forget what came from this step on, as the trace does: a guard has taken the run back."""
        self._training.cut(step)
        self._validation.cut(step)
        self._lately.clear()
        self._stretches = [one for one in self._stretches if one.last < step]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw as wide as the terminal is, up to a bound, and not at all where there is no room."""
        height = min(_HEIGHT, options.size.height - _BESIDE)
        if height >= _LEAST:
            yield from self.rows(min(options.max_width, WIDEST), height)

    def rows(self, width: int, height: int) -> list[Text]:
        """Return the legend and the drawing, in at most `width` cells; nothing before the second update."""
        state = width, height, self._training.last, self._validation.last, len(self._stretches)
        if self._drawn[0] != state:
            self._drawn = state, self._draw(width, height)
        return self._drawn[1]

    def _draw(self, width: int, height: int) -> list[Text]:
        x, y = self._training.points()
        if len(x) < 2:
            return []
        points = self._validation.points()
        marked = [(one.first, one.last) for one in self._stretches]
        rows = draw_curve(
            x, y, width=width, height=height, marked=marked, points=points, unicode=self.unicode, words=self.words
        )
        return [self._legend(width, validated=len(points[0]) > 0), *rows]

    def _legend(self, width: int, *, validated: bool) -> Text:
        line, point, heavy = "⠒•━" if self.unicode else "'o="
        legend = Text.assemble((f"{line * 2} {self.words('train-curve')}", colours.TRAINING))
        if validated:
            legend.append(f"   {point} {self.words('train-curve_validation')}", colours.VALIDATION)
        if self._stretches:
            legend.append(f"   {heavy * 2} {self.words('train-curve_off_trend')}", f"bold {colours.SPIKE}")
        legend.truncate(width)
        return legend

    def _follow(self, segment: _OffTrend, step: int) -> None:
        is_back = statistics.median(self._lately) < segment.level  # never where no usual level was seen
        segment.is_open = not is_back and step - segment.first < LONG
        if segment.is_open:
            segment.last = step
