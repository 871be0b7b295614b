"""A recording of the training that a `Loop` stands for: does the loop do what was recorded, and is the spike in it?

A loop that a framework's objects were made into leaves out what is not in them: a callback that sets the rate, say.
Its losses show that, held against those of `newllm.record` (or of the framework's own callback), step by step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.run_facts import read_facts
from newllm.errors import UserError
from newllm.files import plain_data
from newllm.messages import Message, message
from newllm.replays.subjects.spikes import LocatedSpike, most_serious, spikes_of
from newllm.trace import read_trace

_NEAR = 5  # steps, or a tenth of the way: two spikes that begin so near are one
_FEWEST = 5  # steps
_ROUNDING = 1e-5  # relative: another order of sums
CHANCE_NOTICES = ("notice-loop-dropout", "notice-loop-data", "notice-loop-order")
"""Notices of a loop that say that it draws other random numbers than what was recorded."""


@dataclass(frozen=True)
class RecordedComparison:
    """What a loop's training is beside its recording. A step is a number of updates done.

    Attributes:
        path: of the recording.
        compared: steps that both have.
        first: the first step at which the losses are not the same to the bit: step, recorded, replayed; None if they
            are the same everywhere.
        leaves: the first at which they differ by more than rounding, likewise.
        largest: where they differ most, likewise.
        spike: onset of the recording's spike; None where the doctor finds none in it.
        replayed_spike: onset of the same spike in the loop's training; None where it has none there.
        by_chance: whether the loop is known to draw other random numbers than what was recorded.
    """

    path: str
    compared: int
    first: dict[str, Any] | None
    leaves: dict[str, Any] | None
    largest: dict[str, Any] | None
    spike: int | None
    replayed_spike: int | None
    by_chance: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return plain_data(vars(self))

    @property
    def is_another(self) -> bool:
        """Whether what is replayed is another training for another reason than chance."""
        return self.leaves is not None and not self.by_chance

    @property
    def sentences(self) -> tuple[Message, ...]:
        """What it says."""
        if self.first is None:
            said = [message("recorded-same", path=self.path, n=self.compared)]
        elif self.leaves is None:
            said = [message("recorded-rounding", path=self.path, n=self.compared, **self.first)]
        else:
            largest = self.largest or self.leaves
            most = {"at": largest["step"], "most": abs(largest["replayed"] - largest["recorded"])}
            said = [message("recorded-leaves", path=self.path, **self.leaves, **most, by_chance=self.by_chance)]
        if self.spike is not None:
            said.append(message("recorded-spike", spike=self.spike, replayed=self.replayed_spike))
        if self.is_another:
            said.append(message("recorded-forgotten"))
        return tuple(said)


def compare_with_recording(
    path: str | Path,
    steps: Sequence[int],
    loss: Sequence[float],
    spikes: Sequence[LocatedSpike],
    *,
    by_chance: bool,
    draws: bool = False,
) -> RecordedComparison:
    """Hold a loop's training against its recording.

    Args:
        path: directory of `newllm.record`.
        steps: of the loop's training.
        loss: at each.
        spikes: in it.
        by_chance: see `RecordedComparison`.
        draws: whether its loss draws random numbers, as dropout does: then so is what differs by no more than batches
            do.

    Raises:
        UserError: there is no recording, or no step of it was replayed.
    """
    trace = read_trace(check_recording(path))
    series = trace.series("loss")
    recorded = dict(zip(series.step.tolist(), series.value.tolist(), strict=True))
    pairs = [(step, recorded[step], value) for step, value in zip(steps, loss, strict=True) if step in recorded]
    if not pairs:
        raise UserError(
            f"recorded='{path}': it has no loss of the steps {steps[0]} to {steps[-1]}, which were replayed"
        )
    found = spikes_of(diagnose(trace, read_facts(Path(path))[0]), trace)
    spike = found[most_serious(found)].onset if found else None
    largest = max(pairs, key=lambda pair: _apart(*pair[1:]))
    return RecordedComparison(
        path=str(path),
        compared=len(pairs),
        first=next((_row(*pair) for pair in pairs if _apart(*pair[1:]) > 0), None),
        leaves=next((_row(*pair) for pair in pairs if _apart(*pair[1:]) > _ROUNDING), None),
        largest=_row(*largest) if _apart(*largest[1:]) > 0 else None,
        spike=spike,
        replayed_spike=None if spike is None else _same(spike, spikes),
        by_chance=by_chance or (draws and _differ_as_by_chance([pair[1:] for pair in pairs])),
    )


def _differ_as_by_chance(pairs: Sequence[tuple[float, float]]) -> bool:
    """Whether two trainings differ from the first step on, and mostly less than the batches of one from each other."""
    recorded = np.array([one for one, other in pairs if min(one, other) > 0 and math.isfinite(one + other)])
    replayed = np.array([other for one, other in pairs if min(one, other) > 0 and math.isfinite(one + other)])
    if len(recorded) < _FEWEST or _apart(recorded[0], replayed[0]) <= _ROUNDING:
        return False
    from_batch_to_batch = np.median(np.abs(np.diff(np.log(recorded))))
    return bool(np.median(np.abs(np.log(replayed / recorded))) < from_batch_to_batch)


def check_recording(path: str | Path) -> Path:
    """Return the trace of a recording.

    Raises:
        UserError: there is none.
    """
    file = Path(path) / "trace.jsonl"
    if not file.is_file():
        raise UserError(f"recorded='{path}': there is no {file.name}; give a directory that newllm.record wrote")
    return file


def _apart(one: float, other: float) -> float:
    """Return how far two losses lie apart, relative to the larger; 0 where neither is finite."""
    if math.isfinite(one) != math.isfinite(other):
        return math.inf
    return abs(one - other) / max(abs(one), abs(other), 1e-12) if math.isfinite(one) else 0.0


def _row(step: int, recorded: float, replayed: float) -> dict[str, Any]:
    return {"step": step, "recorded": recorded, "replayed": replayed}


def _same(onset: int, spikes: Sequence[LocatedSpike]) -> int | None:
    near = [spike.onset for spike in spikes if abs(spike.onset - onset) <= max(_NEAR, onset // 10)]
    return min(near, key=lambda one: abs(one - onset), default=None)
