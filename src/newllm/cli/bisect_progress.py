"""How far a bisection is: a line for each trial."""

from collections.abc import Sequence
from typing import TextIO

from newllm.bisection.result import Bisection, Stage, Trial
from newllm.bisection.session import Watcher
from newllm.cli.paper import say
from newllm.messages import Catalogue
from newllm.words.bisections import begins_line, trial_line


class TrialLines(Watcher):
    """Writes a line for each trial.

    Args:
        stream: where to write.
        words: the language.
    """

    def __init__(self, stream: TextIO, words: Catalogue) -> None:
        self._stream, self._words = stream, words

    def begins(self, bisection: Bisection) -> None:
        """Say what differs, and up to which step trials run."""
        say(f"{begins_line(self._words, bisection)}\n", self._stream)

    def starts(self, stage: Stage, changes: Sequence[int]) -> None:
        """Nothing is said of a trial before it has ended."""

    def tried(self, trial: Trial, bisection: Bisection) -> None:
        """Say what a trial came to; of one that failed what it printed last."""
        say(f"{trial_line(self._words, trial, bisection)}\n", self._stream)
