"""Whether an intervention moved the signal that it aims at: if not, it shows nothing of its hypothesis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.replays.assessment.effect import Pair
from newllm.replays.interventions import Intervention
from newllm.statistics import mean_interval

_LEAST = 0.05  # of the logarithm: a twentieth
_BY_CONSTRUCTION = (
    "numerics",
    "validation",
    "dropout",
    "state",
)  # what no signal measures: the change is in what computes


@dataclass(frozen=True)
class Moved:
    """What became of the signal, up to the null's onset.

    Attributes:
        signal: its name.
        ratio: with the intervention to without, of root mean squares up to the onset, the geometric mean over pairs;
            None where it was not measured.
        moved: whether it went where it should, by a twentieth or more; where there is an interval, 1 lies outside.
        strength: size of the logarithm of the ratio; of batches the share that is not the same.
    """

    signal: str
    ratio: float | None
    moved: bool
    strength: float


def manipulation(intervention: Intervention, pairs: Sequence[Pair]) -> Moved:
    """Return what an intervention did to its signal.

    Args:
        intervention: the intervention.
        pairs: its replays and their nulls.
    """
    if intervention.aims_at == "batches":
        return _batches(pairs)
    if intervention.aims_at in _BY_CONSTRUCTION:
        return Moved(intervention.aims_at, None, True, 0.0)
    logs = [log for pair in pairs if (log := _log_ratio(pair, intervention.aims_at)) is not None]
    if not logs:
        return Moved(intervention.aims_at, None, False, 0.0)
    mean, interval = float(np.mean(logs)), mean_interval(logs)
    sure = interval.low is None or interval.high is None or interval.low > 0 or interval.high < 0
    right = abs(mean) >= _LEAST and (intervention.direction == 0 or np.sign(mean) == intervention.direction)
    return Moved(intervention.aims_at, float(np.exp(mean)), bool(sure and right), abs(mean))


def _log_ratio(pair: Pair, signal: str) -> float | None:
    onset = pair.null.severity.onset or pair.null.trajectory.probe_steps[-1]
    null, changed = pair.null.before(signal, onset), pair.changed.before(signal, onset)
    return None if null is None or changed is None else float(np.log(changed / null))


def _batches(pairs: Sequence[Pair]) -> Moved:
    shares = []
    for pair in pairs:
        both = list(zip(pair.null.trajectory.batches, pair.changed.trajectory.batches, strict=False))
        shares.append(np.mean([one != other for one, other in both]) if both else 0.0)
    share = float(np.mean(np.array(shares, dtype=float)))
    return Moved("batches", None, share > 0, share)
