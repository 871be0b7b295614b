"""What one replay comes to: its severity on every loss, where it stopped, and its updates' signals before."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.subjects.original import LocatedSpike, Original
from newllm.replays.subjects.severity import Severity, healthy_limit, noise_floor, severity
from newllm.statistics import trailing_median

_MARGIN = 2  # steps before the onset that may belong to the rise already


@dataclass(frozen=True)
class Assessment:
    """What one replay comes to.

    Attributes:
        trajectory: what it did.
        severities: by the name of the loss.
        signal: the loss that decides.
    """

    trajectory: Trajectory
    severities: Mapping[str, Severity]
    signal: str

    @property
    def severity(self) -> Severity:
        """The severity on the loss that decides."""
        return self.severities[self.signal]

    @property
    def to_onset(self) -> int | None:
        """Steps from the start to the onset; None without a spike."""
        return None if self.severity.onset is None else max(1, self.severity.onset - self.trajectory.start)

    def height_of(self, share: float) -> tuple[str, float, float] | None:
        """Return the loss that decides, the rise of a spike so severe beside this one, and the floor; or None."""
        one = self.severity
        return (self.signal, one.limit + share * one.above, one.floor) if one.spiked else None

    def progress_before(self, onset: int) -> float:
        """Return the best smoothed probe loss up to a step."""
        steps, probe = np.array(self.trajectory.probe_steps), trailing_median(self.trajectory.probe)
        return float(np.min(probe[: max(1, int(np.searchsorted(steps, onset)))]))

    def probe_at(self, step: int) -> float:
        """Return the smoothed probe loss at a step, or at the end where that came before."""
        steps, probe = self.trajectory.probe_steps, trailing_median(self.trajectory.probe)
        return float(probe[max(0, int(np.searchsorted(steps, step, side="right")) - 1)])

    def before(self, name: str, onset: int) -> float | None:
        """Return the root mean square of a signal from the start to a step; None where it was not measured.

        A few updates that were much larger than the others count as what they did to the weights.
        """
        made = self.trajectory
        steps, values = made.probe_steps, made.signals.get(name)
        if values is None:
            steps, values = made.steps, made.updates.get(name, [])
        known = [value for step, value in zip(steps, values, strict=False) if value is not None and step <= onset]
        return float(np.sqrt(np.mean(np.square(known)))) or None if known else None


class Assessor:
    """Assesses the replays of one spike: the healthy limit of the training loss comes from its original.

    Those of the other losses come from the first null replay. The loss that spiked decides, unless it is too noisy to
    show the spike in that replay and another loss, of the probe batch or of validation, shows it: then that one does.

    Args:
        original: whose training losses before the onset say what is healthy.
        spike: whose replays are assessed.
        null: the first null replay.
    """

    def __init__(self, original: Original, spike: LocatedSpike, null: Trajectory) -> None:
        self.signal = spike.signal if null.series(spike.signal)[1] else "loss"
        self._before = list(zip(original.steps, original.loss, strict=True))
        self.limits: dict[str, float] = {}
        self._floors: dict[str, float] = {}
        for name in ("loss", "probe", *null.validation):
            steps, values = (original.steps, original.loss) if name == "loss" else null.series(name)
            if values:
                before = [value for step, value in zip(steps, values, strict=True) if step < spike.onset - _MARGIN]
                self._floors[name] = noise_floor(before)
                self.limits[name] = healthy_limit(before or values[:1], self._floors[name], smoothed=name == "loss")
        found = self(null).severities
        if self.signal in found and not found[self.signal].spiked:
            self.signal = next((name for name, one in found.items() if one.spiked and "/" not in name), self.signal)

    def __call__(self, trajectory: Trajectory) -> Assessment:
        """Return what a replay comes to."""
        found = {}
        history = [loss for step, loss in self._before if step <= trajectory.start]
        for name, limit in self.limits.items():
            steps, values = trajectory.series(name)
            if values:
                of_batches = name == "loss"
                before = history if of_batches else ()
                found[name] = severity(steps, values, limit, before, self._floors[name], smoothed=of_batches)
        return Assessment(trajectory, found, self.signal)
