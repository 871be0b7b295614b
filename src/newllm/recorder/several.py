"""What each of several processes that train together writes beside the recording; nothing where there is one.

Its numbers and fingerprints (`ranks`), and where it is while no step comes (`flight`).
"""

from functools import partial
from pathlib import Path
from typing import SupportsFloat

from torch import Tensor

from newllm.recorder.arguments import processes
from newllm.recorder.flight import FlightWatch
from newllm.recorder.isolation import Part
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.ranks import RankWatch


class SeveralProcesses:
    """Both of one rank.

    Args:
        layout: the model's.
        optimizers: its optimizers.
        out: directory of the recording.
        known_by: a file in it that the first rank writes when it begins.
        every: how many steps lie between sampled ones.
        resumed_at: step that the training goes on from; None: it begins.
        records: whether this rank records the training.
        part: what keeps the errors of each part from the training.
    """

    def __init__(
        self,
        layout: Layout,
        optimizers: Optimizers,
        out: Path,
        known_by: str,
        *,
        every: int,
        resumed_at: int | None,
        records: bool,
        part: Part,
    ) -> None:
        self._every, self._begins, self._records, self._part = every, resumed_at or 0, records, part
        self._ranks: RankWatch | None = None
        self._flight: FlightWatch | None = None
        about = {"records": records, "protect": part("ranks")}
        self._of_ranks = partial(RankWatch, layout, optimizers, out, known_by, resumed_at, **about)
        self._of_flight = partial(FlightWatch, out, known_by)

    def begin(self) -> None:
        """Take the fingerprints before the first step, and watch whether steps come."""
        if processes() > 1:
            self._ranks = self._part("ranks")(self._of_ranks)()
            self._flight = self._part("flight")(self._of_flight)()
        self.measured(self._begins, None, sampled=False)
        if self._flight is not None:
            self._part("flight")(self._flight.begin)(self._begins)

    def stepped(self, step: int) -> None:
        """Note that a step is done."""
        if self._flight is not None:
            self._part("flight")(self._flight.stepped)(step)

    def measured(self, step: int, loss: SupportsFloat | Tensor | None, *, sampled: bool) -> None:
        """Take this rank's numbers of a step, and its fingerprints after sampled ones.

        Args:
            step: that is done.
            loss: as the loop gives it; None without one.
            sampled: whether signals were taken in it, if this rank records.
        """
        if self._ranks is not None:
            at = {"first": self._begins + 1, "every": self._every}
            self._part("ranks")(self._ranks.stepped)(step, loss, **at, is_measured=self._records and sampled)

    def close(self, error: BaseException | None) -> None:
        """Write the rest, and how it ended."""
        if self._ranks is not None:
            self._part("ranks")(self._ranks.close)()
        if self._flight is not None:
            self._part("flight")(self._flight.close)(error)
