"""Which column is a loss, where no name says so. Who minimises a squared error often calls its column "mse"."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.trace.readers.naming import SILENT, split_of, words
from newllm.trace.series import Series, rank_trend

_ERRORS = ("mse", "rmse", "bce", "huber", "smooth_l1", "mae", "l1", "l2")
"""What is minimised so often that its column is called after it, the likeliest first."""
_AROUND = 20  # training losses up to the first evaluation
_ALIKE = 2.0  # times
_FEWEST = 5  # points
_TREND = 0.5  # rank correlation with the steps


def losses_of_errors(signals: Mapping[str, Any]) -> dict[str, str]:
    """Return which columns stand for the training and the validation loss, where none is called so; {} for none.

    Both are of one error: two different ones cannot be held against each other.
    """
    if "loss" in signals or "validation_loss" in signals:
        return {}
    found = {_error(name): name for name in signals if _error(name) is not None}
    for error in _ERRORS:
        pairs = ((found.get((error, "training")), "loss"), (found.get((error, "validation")), "validation_loss"))
        if pairs[0][0] is not None:
            return {name: signal for name, signal in pairs if name is not None}
    return {}


def validation_of_error(signals: Mapping[str, Series]) -> dict[str, str]:
    """Return which column stands for the validation loss of a training loss that is called "loss"; {} for none.

    It is the only error of a validation, and about as large as the training loss where it is measured first: another
    error, or another scale, cannot be held against that loss.
    """
    loss = signals.get("loss")
    if loss is None or "validation_loss" in signals or not len(loss.value):
        return {}
    named = [name for name in signals if (found := _error(name)) is not None and found[1] == "validation"]
    if len(named) != 1 or not len(signals[named[0]].value):
        return {}
    error = signals[named[0]]
    before = loss.value[: int(np.searchsorted(loss.step, error.step[0], "right"))][-_AROUND:]
    here = float(np.median(before)) if len(before) else 0.0
    if not here > 0 or not 1 / _ALIKE <= float(error.value[0]) / here <= _ALIKE:
        return {}
    return {named[0]: "validation_loss"}


def is_score(name: str, signals: Mapping[str, Series]) -> bool:
    """Whether a column that is called just "val" or "test" may be a share of right answers, not a loss.

    It lies between 0 and 1, and rises from its first points on while the training loss falls.
    """
    if any(split_of(word) is None and word not in SILENT for word in words(name)):
        return False
    value, loss = signals["validation_loss"].value, signals["loss"].value if "loss" in signals else np.empty(0)
    if min(len(value), len(loss)) < _FEWEST or not (value.min() >= 0 and value.max() <= 1):
        return False
    begins = value.argmin() < len(value) / _FEWEST
    return bool(begins) and rank_trend(value) > _TREND and rank_trend(loss) < -_TREND


def _error(name: str) -> tuple[str, str] | None:
    """Return the error that a column holds, and of which split."""
    found = words(name)
    splits = {split for word in found if (split := split_of(word))}
    rest = "_".join(word for word in found if split_of(word) is None and word not in SILENT)
    if rest.removesuffix("_loss") not in _ERRORS or len(splits) > 1:
        return None
    return rest.removesuffix("_loss"), "training" if splits <= {"training"} else "validation"
