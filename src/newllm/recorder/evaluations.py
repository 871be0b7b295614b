"""The signals of an evaluation, from whatever of them the loop knows."""

from collections.abc import Mapping, Sequence
from typing import SupportsFloat

import torch
from torch import Tensor

from newllm.errors import UserError

Scalar = SupportsFloat | Tensor


def number(name: str, value: Scalar) -> float | Tensor:
    """Return one number: a float, or a tensor that stays on its device and that nobody else changes.

    Raises:
        UserError: it is not one number.
    """
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise UserError(f"{name} has shape {tuple(value.shape)}: give one number, such as {name}.mean()")
        value = value.detach().reshape(())
        return value.item() if value.device.type == "cpu" else value.clone()
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} is {value!r}: give one number") from error


def evaluation_signals(
    loss: Scalar | None,
    correct: int | Tensor | None,
    count: int | None,
    predicted: int | Tensor | Sequence[int] | None,
    classes: Mapping[str, tuple[Scalar, int]] | None,
    accuracy: Scalar | None = None,
) -> dict[str, float | Tensor]:
    """Return an evaluation's signals by name; arguments as in `Recorder.validation`."""
    signals = {} if loss is None else {"validation_loss": number("loss", loss)}
    if accuracy is not None:
        signals["validation_accuracy"] = number("accuracy", accuracy)
    if count is not None:
        signals["validation_count"] = number("count", count)
    if correct is not None:
        right = signals["validation_correct"] = number("correct", correct)
        if count:
            signals["validation_accuracy"] = right / count
    if predicted is not None:
        signals["validation_classes"] = _how_many(predicted)
    for name, (nats, targets) in (classes or {}).items():
        signals[f"validation_loss/{name}"] = number(f"the loss of class '{name}'", nats)
        signals[f"validation_count/{name}"] = number(f"the count of class '{name}'", targets)
    return signals


def _how_many(predicted: int | Tensor | Sequence[int]) -> float:
    """Return how many different classes were predicted, given that number or the predictions."""
    given = torch.as_tensor(predicted)
    return float(given if given.dim() == 0 else len(given.unique()))
