"""Where replays begin and how long they run.

From two places: just before the onset, where a replay is short and everything up to then is as it was, and step 0,
where a cause that was at work long before can still be met.
"""

from dataclasses import dataclass

from newllm.replays.original import Spike
from newllm.replays.setup import EXCHANGED
from newllm.replays.trajectory import Until

SLOWEST = 12  # times the null's steps to the progress of the spike: then it has stopped learning
_LEAD, _LEAST_LEAD, _MOST_LEAD = 0.2, 8, 100
_PROBES = 12  # before the onset, about


@dataclass(frozen=True)
class Start:
    """One place to begin from.

    Attributes:
        step: updates done.
        onset: of the original's spike.
        last: last step whose batch may have brought it about; see `Setup.window`.
        end: step to which a null replay runs.
    """

    step: int
    onset: int
    last: int
    end: int

    @property
    def lead(self) -> int:
        """Steps from the start to the onset."""
        return self.onset - self.step

    @property
    def every(self) -> int:
        """Steps between probes."""
        return max(min(2, self.lead // 4), self.lead // _PROBES, 1)

    def null(self) -> Until:
        """Return how long a null replay runs."""
        return Until(None, self.end - self.step, self.end - self.step, self.every)

    def until(self, progress: float, lead: int) -> Until:
        """Return how long a replay with an intervention runs.

        Args:
            progress: at which its null spiked.
            lead: steps that its null took from the start to its onset.
        """
        least = self.end - self.step
        return Until(progress, least, max(least, SLOWEST * lead), self.every)


def starts(spike: Spike) -> tuple[Start, ...]:
    """Return the places to begin from, the late one first; step 0 alone where the spike comes early."""
    lead = min(_MOST_LEAD, max(_LEAST_LEAD, int(_LEAD * spike.onset)))
    late = spike.onset - lead
    steps = (late, 0) if late >= _LEAST_LEAD else (0,)
    return tuple(Start(step, spike.onset, _last(spike), _end(spike, step)) for step in steps)


def healthy_stretch(late: Start) -> Start | None:
    """Return a stretch before the late start that is as long as its replays, to plant a cause into; None without one.

    It ends where the late start begins, so that the model has come as far as it can.
    """
    length = late.end - late.step
    step = late.step - length
    if step < 0:
        length, step = late.step, 0
    if length < 2 * _LEAST_LEAD or late.step == 0:
        return None
    onset = min(step + late.lead, step + length // 2)
    return Start(step, onset, min(step + length, onset + late.last - late.onset), step + length)


def _last(spike: Spike) -> int:
    """Return the last suspect step: the peak, or where a short spike was still high."""
    high = spike.peak if spike.end is None else spike.end - 1
    return max(spike.peak, min(high, spike.peak + EXCHANGED))


def _end(spike: Spike, start: int) -> int:
    """Return the step to which a null replay runs: past the spike, and twice the way to its onset at least."""
    width = (spike.end - spike.onset) if spike.end is not None else 2 * (spike.peak - spike.onset)
    return max(spike.onset + (spike.onset - start), spike.onset + width + 3, spike.peak + 3)
