"""Which of the numbers that a LightningModule logs are of its validation, and which of those is the loss."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from newllm.trace.readers.naming import meaning, split_of, words

_KNOWN = {"loss", "learning_rate", "gradient_norm", "step_seconds"}  # of training: the recorder knows them better


@dataclass(frozen=True)
class Evaluation:
    """What of an evaluation is judged.

    Attributes:
        loss: name of its loss; "" where none is known.
        accuracy: of its accuracy, likewise.
        losses: all names that mean a loss, the best first.
        is_guess: whether the loss is one of several that differ, and nothing monitors it.
    """

    loss: str
    accuracy: str
    losses: tuple[str, ...]
    is_guess: bool


def split_metrics(logged: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was logged of training, by its name here where it has one, and what of validation, by its own."""
    training, validation = {}, {}
    for name, value in logged.items():
        means = meaning(name)
        if any(split_of(word) == "validation" for word in words(name)):
            validation[name] = value
        elif means is None or means.signal not in _KNOWN:
            training[name if means is None else means.signal] = value
    return training, validation


def evaluation_of(numbers: Mapping[str, Any], monitored: Iterable[Any]) -> Evaluation:
    """Choose the loss and the accuracy of an evaluation.

    Args:
        numbers: of the evaluation, by the names that the user gave them.
        monitored: names that callbacks choose checkpoints or the end by: a loss among them is the one. What is no name,
            as in a callback of the user's own, is passed over.
    """
    losses, accuracies = _named(numbers, "validation_loss"), _named(numbers, "validation_accuracy")
    chosen = [name for name in monitored if isinstance(name, str) and name in numbers and "loss" in words(name)]
    is_guess = not chosen and len({float(numbers[name]) for name in losses}) > 1  # "val_loss_epoch" is "val_loss" again
    return Evaluation((*chosen, *losses, "")[0], (*accuracies, "")[0], losses, is_guess)


def _named(numbers: Mapping[str, Any], signal: str) -> tuple[str, ...]:
    found = [(means.rank, name) for name in numbers if (means := meaning(name)) and means.signal == signal]
    return tuple(name for _, name in sorted(found))
