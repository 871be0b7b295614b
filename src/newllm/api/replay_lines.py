"""How far replays are, in plain lines: what a person reads who waits minutes for `newllm.replay`."""

import time
from collections import Counter
from collections.abc import Callable
from typing import TextIO

from newllm.messages import Catalogue, Message
from newllm.replays.watcher import UNMODIFIED, Watcher
from newllm.trace import Tried
from newllm.trace.verdict import HELPS
from newllm.words.plain import plain
from newllm.words.replays import spiked

PLAIN_SECONDS = 10.0
"""Between two lines that only say that it goes on."""
_NAME = 36  # cells of a name, so that what follows stands in columns
_LONGEST = 2000  # characters of a remark


class ReplayLines(Watcher):
    """Says each stage, what was confirmed, what helped in the screen, and now and then that it goes on.

    Args:
        stream: where to.
        words: the language.
        clock: seconds that only grow.
    """

    def __init__(self, stream: TextIO, words: Catalogue, clock: Callable[[], float] = time.monotonic) -> None:
        self.stream, self.words = stream, words
        self.done, self.may = Counter[str](), dict[str, int]()  # replays by stage: a stage can go on after another
        self._clock = clock
        self._began = self._spoke = clock()

    def noticed(self, said: Message) -> None:
        """Say it in a line."""
        self.write(self.words("remark_line-note", remark=plain(self.words.text(said), _LONGEST)))

    def trained(self, step: int, steps: int) -> None:
        """Say now and then how far the training is that replays begin with."""
        if self._is_time():
            self.write(self.words("terminal-trained", step=step, steps=steps))

    def planned(self, stage: str, replays: int) -> None:
        """Begin a stage, or go on with it: that it has become longer is no line of its own."""
        if not self.may:  # the training before it is not of the budget
            self._began = self._clock()
        is_new = stage not in self.may
        self.may[stage] = replays
        if is_new:
            self.write(self.words("terminal-planned", stage=self.words(f"terminal-stage-{stage}"), count=replays))

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:
        """Count a replay."""
        del seconds
        self.done[stage] += 1
        if self._is_time():
            line = self.words("terminal-replayed", name=self.named(stage, name), number=replay, spiked=spiked)
            counted = f"{self.done[stage]:,}/{self.may[stage]:,}"
            self.write(f"{self.words(f'terminal-stage-{stage}')} {counted}   {line}   {self.spent()}")

    def tried(self, tried: Tried) -> None:
        """Say what was confirmed, and what helped in the screen; the verdict tells the rest."""
        if tried.stage == "screened" and tried.effect_class not in HELPS:
            return
        stage, name = self.words(f"terminal-stage-{tried.stage}"), f"{plain(tried.name):<{_NAME}}"
        counted = self.words("terminal-spiked_of", spiked=spiked(tried))
        self.write_tried(tried, f"{stage}  {name}  ", counted)

    def write_tried(self, tried: Tried, before: str, after: str) -> None:
        """Say what an intervention did, between what stands before and after it."""
        self.write(f"{before}{self.words(f'terminal-outcome-{tried.effect_class}')}{after}")

    def write(self, line: str) -> None:
        """Write a line."""
        print(line, file=self.stream, flush=True)

    def named(self, stage: str, name: str) -> str | None:
        """Return what was changed, in words; None for nothing. In a reverse test the cause was injected."""
        if name == UNMODIFIED:
            return None
        return self.words("terminal-injected", name=plain(name)) if stage == "reverse test" else plain(name)

    def spent(self) -> str:
        """Return how long it has taken, in words."""
        return self.words("terminal-seconds", spent=f"{self._clock() - self._began:.0f}")

    def _is_time(self) -> bool:
        is_time = self._clock() - self._spoke >= PLAIN_SECONDS
        if is_time:
            self._spoke = self._clock()
        return is_time
