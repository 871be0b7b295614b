"""Where replays begin and how long they run.

From two steps: just before the onset, where a replay is short and everything up to then is as it was, and step 0,
where a cause that was at work long before can still be met.
"""

import dataclasses
import math
from dataclasses import dataclass

from newllm.replays.replica.setup import lead
from newllm.replays.replica.trajectory import Until
from newllm.replays.subjects.original import LocatedSpike

SLOWEST = 12  # times the null's steps to the progress of the spike: then it has stopped learning
_SLOW = 4  # likewise in the screen, or twice as many as are expected of the change
_LEAST = 8  # steps that a replay, or a healthy segment of one, has before its onset
_LONGEST = 2  # times the lead: so far past the onset a spike is followed
_PROBES = 12  # before the onset, about


@dataclass(frozen=True)
class Start:
    """A step to begin from.

    Attributes:
        step: updates done.
        onset: of the original's spike.
        last_suspect: last step whose batch may have brought it about; see `Setup.window`.
        end: step to which a null replay runs.
    """

    step: int
    onset: int
    last_suspect: int
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
        return Until(None, self.end - self.step, self.end - self.step, self.every, self._measured)

    def until(self, progress: float, null_lead: int) -> Until:
        """Return how long a replay with an intervention runs.

        Args:
            progress: at which its null spiked.
            null_lead: steps that its null took from the start to its onset.
        """
        least = self.end - self.step
        return Until(progress, least, max(least, SLOWEST * null_lead), self.every, self._measured)

    def screened(
        self, progress: float, null_lead: int, slowness: float, futile: tuple[str, float, float] | None
    ) -> Until:
        """Return how long one in the screen runs: it is given up sooner.

        Args:
            progress: at which its null spiked.
            null_lead: steps that its null took from the start to its onset.
            slowness: how many times the null's steps the change is expected to need.
            futile: see `Until`.
        """
        whole = self.until(progress, null_lead)
        most = math.ceil(min(SLOWEST, max(_SLOW, 2 * slowness)) * null_lead)
        return dataclasses.replace(whole, most=max(whole.least, most), futile=futile)

    @property
    def _measured(self) -> int:
        """Updates whose signals are measured: to the onset, and half as far again, since a null may spike later."""
        return self.lead + -(-self.lead // 2)


def starts(spike: LocatedSpike) -> tuple[Start, ...]:
    """Return the steps to begin from, the late one first; step 0 alone where the spike comes early."""
    late = spike.onset - lead(spike.onset)
    steps = (late, 0) if late >= _LEAST else (0,)
    ends = [_end(spike, step) for step in steps]
    return tuple(Start(step, spike.onset, _last(spike, ends[0]), end) for step, end in zip(steps, ends, strict=True))


def healthy_segment(late: Start) -> Start | None:
    """Return a segment before the late start that is as long as its replays, to inject a cause into; None without one.

    It ends where the late start begins, so that the model has come as far as it can.
    """
    length = min(late.end - late.step, late.step)
    step = late.step - length
    if length < 2 * _LEAST:
        return None
    onset = min(step + late.lead, step + length // 2)
    return Start(step, onset, min(step + length, onset + late.last_suspect - late.onset), step + length)


def _last(spike: LocatedSpike, end: int) -> int:
    """Return the last suspect step: where the spike was high for the last time; without an end that of late replays."""
    return end if spike.end is None else max(spike.onset, spike.end - 1)


def _end(spike: LocatedSpike, start: int) -> int:
    """Return the step to which a null replay runs: twice the way to its onset at least, and past a short spike."""
    way = spike.onset - start
    width = max(spike.peak - spike.onset, 0 if spike.end is None else spike.end - spike.onset)
    return spike.onset + max(way, min(width + 3, _LONGEST * max(way, _LEAST)))
