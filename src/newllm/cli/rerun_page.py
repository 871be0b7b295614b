"""What came of running a recording's program again, as a page of the terminal."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from newllm.cli.paper import LONGEST_PATH, Paper, WithPath, say
from newllm.diagnosis.layers import and_more
from newllm.messages import Catalogue
from newllm.plotting import colours
from newllm.reruns.result import Rerun, Trial
from newllm.reruns.session import Watcher
from newllm.words.plain import plain
from newllm.words.reruns import begins_line, trial_line, trial_name, trial_outcome

_LONG = 2000  # characters of a sentence
_COLOURS = {"gone": colours.CONTEXT, "there": colours.CONTEXT, "failed": colours.SPIKE, "not-made": colours.MUTED}


class RerunLines(Watcher):
    """Writes a line for each trial.

    Args:
        stream: where to write.
        words: the language.
    """

    def __init__(self, stream: TextIO, words: Catalogue) -> None:
        self._stream, self._words = stream, words

    def begins(self, found: Rerun, edited: Sequence[str]) -> None:
        """Say which rise it is, and that what was recorded is run."""
        say(f"{begins_line(self._words, found)}\n", self._stream)
        if edited:
            files = plain(self._words.text(and_more(list(edited))))
            say(f"{self._words('rerun-edited', files=files)}\n", self._stream)

    def tried(self, trial: Trial, found: Rerun) -> None:
        """Say what a trial came to."""
        say(f"{trial_line(self._words, trial, found)}\n", self._stream)

    def late(self, found: Rerun) -> None:
        """Say that the time is up."""
        say(f"{self._words('rerun-late', left=found.left)}\n", self._stream)


def rerun_page(found: Rerun, paper: Paper) -> Group:
    """Return the whole page.

    Args:
        found: what is shown.
        paper: what it is drawn on.
    """
    return Group(*_parts(found, paper))


def _parts(found: Rerun, paper: Paper) -> Iterator[RenderableType]:
    yield WithPath(plain(found.run, LONGEST_PATH), style="bold")
    yield Text()
    said = [plain(paper.words.text(one), _LONG) for one in found.sentences()]
    colour = colours.CONTEXT if found.cause is not None else ""
    for at, one in enumerate(said):
        yield Text(one, style=f"bold {colour}" if at == 2 and found.cause is not None else "")
    yield Text()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for trial in found.trials:
        grid.add_row(
            plain(trial_name(paper.words, trial)),
            Text(trial_outcome(paper.words, trial, finite=found.rise.is_finite), style=_COLOURS.get(trial.outcome, "")),
        )
    yield grid
