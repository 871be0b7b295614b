"""What replays report of themselves while they run: a watcher takes it in, and changes nothing."""

from newllm.messages import Message
from newllm.trace.verdict import Tried, Verdict

UNMODIFIED = "unmodified"
"""The name of a replay in which nothing was changed."""


class Watcher:
    """Takes in everything in its order; this one shows nothing.

    A stage is "reproduction" (the original, unmodified), "null replays" (with other chance), "screen", "control
    spikes" (what helped, on a spike that it has nothing to do with), "confirm" or "reverse test".
    """

    def noticed(self, said: Message) -> None:
        """Take in something that a person should know."""

    def trained(self, step: int, steps: int) -> None:
        """Take in how far the training of a `Loop` is, which runs once before it is replayed.

        Args:
            step: how many of its updates are done.
            steps: of how many.
        """

    def planned(self, stage: str, replays: int) -> None:
        """Take in that a stage begins or goes on after another, and how many replays all of it may take."""

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:
        """Take in one replay.

        Args:
            stage: it belongs to.
            name: of the intervention, whose cause was injected in a reverse test; or `UNMODIFIED`.
            replay: the number of its chance; 0 is the original's.
            spiked: whether it did; None where that was not assessed.
            seconds: that it took.
        """

    def tried(self, tried: Tried) -> None:
        """Take in what an intervention did so far."""

    def ended(self, verdict: Verdict) -> None:
        """Take in what all of it shows."""
