"""The six models: our four bodies on text, an MLP and a small CNN with batch norm. 13,000 to 34,000 parameters."""

from typing import Any

import torch
from torch import Tensor, nn

from newllm.chance import stream_seed
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

MODELS = ("cell", "stack", "attention", "lstm", "mlp", "cnn")
TASKS = {"mlp": "vectors", "cnn": "images"}  # all others read text

_BODIES: dict[str, dict[str, Any]] = {
    "cell": {"layers": 2, "hidden": 64, "context": 40, "initialisation": "he"},
    "stack": {"layers": 2, "hidden": 64, "context": 32},
    "attention": {"layers": 2, "hidden": 64, "heads": 2},
    "lstm": {"layers": 1, "hidden": 56},
}


def build_model(
    name: str, classes: int, seed: int, dropout: float = 0.0, shape: dict[str, Any] | None = None
) -> nn.Module:
    """Build a model at its healthy initialisation.

    Args:
        name: one of MODELS.
        classes: number of targets.
        seed: of the initialisation.
        dropout: probability, where the model has a place for it (not in the CNN).
        shape: changes of a body's configuration.
    """
    if name in _BODIES:
        settings: dict[str, Any] = {**_BODIES[name], "dropout": dropout, **(shape or {})}
        return LanguageModel(ModelConfig(body=name, vocabulary=classes, width=32, window=32, **settings), seed)
    with torch.random.fork_rng():
        torch.manual_seed(stream_seed(seed, "initialisation"))
        return _mlp(classes, dropout) if name == "mlp" else _cnn(classes)


def logits(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the logits [N, C], of a text [B, T, C]."""
    output = model(inputs)
    return output[0] if isinstance(output, tuple) else output


def _mlp(classes: int, dropout: float) -> nn.Module:
    parts: list[nn.Module] = []
    for width, after in ((20, 96), (96, 96), (96, 96)):
        parts += [nn.Linear(width, after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*parts, nn.Linear(96, classes))


def _cnn(classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * 9, 48),
        nn.ReLU(),
        nn.Linear(48, classes),
    )
