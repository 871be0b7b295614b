"""How a training ended: whether its model is of no use any more, whatever went wrong on the way.

Limits: only a loss that measures progress says so (not that of a policy or of a GAN's sides), and one above zero.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite, is_validation, loss_names
from newllm.diagnosis.training_kind import training_kind
from newllm.trace import Trace

FEWEST = 5  # points of the loss
FAR = 1.5  # times the loss at the start: far above it
NO_BETTER = 0.95  # of the loss at the start
LEARNT = 0.6  # of the loss at the start, at the best: something had been learnt
KEPT = 0.5  # of what an accuracy had gained at its best
EXPLODED = 3.0  # times the loss at the start, at the worst: something happened on the way


@dataclass(frozen=True)
class Ending:
    """A training whose model is lost.

    Attributes:
        how: "not-finite" to the last point; "above-start", far above the first loss; "back-at-start", no better than
            that, after it was far better or far worse.
        loss: at the end; NaN where it is not finite.
        start: the loss at the start.
        step: since when.
    """

    how: Literal["not-finite", "above-start", "back-at-start"]
    loss: float
    start: float
    step: float


def lost_model(trace: Trace, facts: Facts) -> Ending | None:
    """Return how the model was lost; None where the training loss does not say that it was."""
    name = next((name for name in loss_names(trace) if not is_validation(name)), None)
    if name is None or len(trace.series(name).value) < FEWEST:
        return None
    step, value = trace.series(name).step, trace.series(name).value
    kept = np.isfinite(value)
    if not kept[-3:].any():
        since = step[0] if not kept.any() else step[np.flatnonzero(kept)[-1] + 1]
        return Ending("not-finite", float("nan"), float(value[0]), float(since))
    step, value = step[kept], value[kept]
    start = float(value[0]) if facts.untrained_loss is None else facts.untrained_loss
    if len(value) < FEWEST or value.min() <= 0 or start <= 0 or not training_kind(trace, facts).loss_is_progress:
        return None
    few = max(3, len(value) // 20)
    end, best = float(np.median(value[-few:])), _lowest_level(value, few)
    if end >= FAR * start:
        how, limit = "above-start", FAR * start
    elif _is_right(trace):
        return None  # sure of itself and wrong now and then, which costs a loss much
    elif end >= NO_BETTER * start and (best <= LEARNT * start or value.max() >= EXPLODED * start):
        how, limit = "back-at-start", LEARNT * start
    else:
        return None
    below = np.flatnonzero(value < limit)
    return Ending(how, end, start, float(step[below[-1] + 1 if len(below) and below[-1] + 1 < len(step) else 0]))


def _is_right(trace: Trace) -> bool:
    """Whether an accuracy of evaluations has kept most of what it had gained by then."""
    accuracy = finite(trace.series("validation_accuracy")).value
    gained = accuracy.max(initial=0.0) - accuracy[:1].sum()
    return bool(gained > 0 and accuracy[-1] - accuracy[0] >= KEPT * gained)


def _lowest_level(value: np.ndarray, few: int) -> float:
    """Return the lowest median of so many neighbours: one easy batch is no progress."""
    starts = range(0, len(value) - few + 1, few)
    return min(float(np.median(value[at : at + few])) for at in starts)
