"""Of a log without a loss: the error that stands for it. Who minimises a squared error often calls its column "mse"."""

from collections.abc import Mapping
from typing import Any

from newllm.trace.readers.naming import SILENT, split_of, words

_ERRORS = ("mse", "rmse", "bce", "huber", "smooth_l1", "mae", "l1", "l2")
"""What is minimised so often that its column is called after it, the likeliest first."""


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


def _error(name: str) -> tuple[str, str] | None:
    """Return the error that a column holds, and of which split."""
    found = words(name)
    splits = {split for word in found if (split := split_of(word))}
    rest = "_".join(word for word in found if split_of(word) is None and word not in SILENT)
    if rest.removesuffix("_loss") not in _ERRORS or len(splits) > 1:
        return None
    return rest.removesuffix("_loss"), "training" if splits <= {"training"} else "validation"
