"""Ways to log the same training otherwise. None of them makes a sound training faulty, or a faulty one sound."""

import dataclasses
import math
from collections.abc import Callable
from typing import Final

import numpy as np

from newllm.diagnosis.losses import loss_names
from newllm.trace import Series, Trace

Way = Callable[[Trace, np.random.Generator], Trace]
FEWEST = 6  # points that are left
ROWS = 32
SMOOTHED = 10  # points that an average remembers at the least


def _with(trace: Trace, changed: dict[str, Series]) -> Trace:
    return dataclasses.replace(trace, signals=trace.signals | changed)


def _times(factor: float) -> Way:
    """Return the losses in another unit: a sum over rows, a mean that is divided once more, bits."""

    def way(trace: Trace, chance: np.random.Generator) -> Trace:  # noqa: ARG001 - every way is called alike
        losses = {name: trace.series(name) for name in loss_names(trace)}
        return _with(trace, {name: Series(one.step, one.value * factor) for name, one in losses.items()})

    return way


def _printed(digits: int) -> Way:
    def way(trace: Trace, chance: np.random.Generator) -> Trace:  # noqa: ARG001
        losses = {name: trace.series(name) for name in loss_names(trace)}
        rounded = _with(trace, {name: Series(one.step, one.value.round(digits)) for name, one in losses.items()})
        return dataclasses.replace(rounded, decimals=trace.decimals | dict.fromkeys(losses, digits))

    return way


def _of_training(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Way:
    """Return a way that changes the values of the training loss (n,), where all are finite."""

    def way(trace: Trace, chance: np.random.Generator) -> Trace:
        loss = trace.series("loss")
        if len(loss.value) < FEWEST or not np.isfinite(loss.value).all():
            return trace
        return _with(trace, {"loss": Series(loss.step, change(loss.value, chance))})

    return way


def _running_mean(value: np.ndarray, chance: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return np.cumsum(value) / np.arange(1, len(value) + 1)


def _average(value: np.ndarray, chance: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    new, kept = max(0.02, min(1.0, SMOOTHED / len(value))), [value[0]]
    for one in value[1:]:
        kept.append((1 - new) * kept[-1] + new * one)
    return np.array(kept)


def _single_rows(value: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return value * chance.gamma(6, 1 / 6, len(value))


def _every(count: int, *, mean: bool = False) -> Way:
    """Return every so many-th point of the training loss, or the mean of so many."""

    def way(trace: Trace, chance: np.random.Generator) -> Trace:  # noqa: ARG001
        loss = trace.series("loss")
        left = len(loss.value) // count
        if left < FEWEST:
            return trace
        whole = loss.value[: left * count].reshape(left, count)
        value = whole.mean(axis=1) if mean else whole[:, -1]
        return _with(trace, {"loss": Series(loss.step[count - 1 :: count][:left], value)})

    return way


def _first(share: float) -> Way:
    """Return the training as it stood at a share of its steps: what is said while it goes on."""

    def way(trace: Trace, chance: np.random.Generator) -> Trace:  # noqa: ARG001
        last = share * trace.last_step
        begun = {name: one for name, one in trace.signals.items() if (one.step <= last).any()}
        cut = {name: Series(one.step[one.step <= last], one.value[one.step <= last]) for name, one in begun.items()}
        return dataclasses.replace(trace, signals=cut)

    return way


# Those of a log alone: a recording has gradients and outputs beside its loss, which would contradict the change.
OF_LOGS: Final[dict[str, Way]] = {
    "a sum over 32 rows": _times(ROWS),
    "divided by 100": _times(0.01),
    "in bits": _times(1 / math.log(2)),
    "printed with two decimals": _printed(2),
    "a running mean": _of_training(_running_mean),
    "an exponential average": _of_training(_average),
    "noisy, as of single rows": _of_training(_single_rows),
    "every tenth point": _every(10),
    "every thirtieth point": _every(30),
    "means of twenty points": _every(20, mean=True),
}
OF_ALL: Final[dict[str, Way]] = {"the first half": _first(0.5), "the first quarter": _first(0.25)}
