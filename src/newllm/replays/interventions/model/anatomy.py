"""What is in a subject's model, known before it is replayed: what tells whether an intervention fits."""

import functools
from dataclasses import dataclass

import torch
from torch import nn

from newllm.model.tied_head import TiedHead
from newllm.recorder.layers import layers
from newllm.replays.replica import settings
from newllm.replays.replica.subject import Subject


@dataclass(frozen=True)
class Anatomy:
    """What is in a model.

    Attributes:
        layers: modules with parameters of their own, by name.
        embeddings: names of the embeddings that share no weight with another layer.
        embedding_scale: of each of these, the root mean square of its weights at the start by the usual one, which is
            1 / root of its width.
        has_matrices: whether a parameter has more than one axis.
        has_dropout: whether a dropout above 0 was found (see `dropouts`).
    """

    layers: tuple[str, ...]
    embeddings: tuple[str, ...]
    embedding_scale: tuple[float, ...]
    has_matrices: bool
    has_dropout: bool


@functools.lru_cache(maxsize=8)
def anatomy(subject: Subject) -> Anatomy:
    """Return what is in a subject's model. It is built once for it, and forgotten."""
    model = subject.make(subject.setup(0, 0, 0, 0)).model
    return Anatomy(
        tuple(layers(model)),
        tuple(embeddings(model)),
        tuple(embedding_scale(module.weight) for module in embeddings(model).values()),
        any(parameter.dim() > 1 for parameter in model.parameters()),
        bool(dropouts(model)),
    )


def embeddings(model: nn.Module) -> dict[str, nn.Embedding]:
    """Return the embeddings whose weight no other module has: to change one changes the embedding alone."""
    owners: dict[int, int] = {}
    for module in model.modules():
        for parameter in [module.weight] if isinstance(module, TiedHead) else module.parameters(recurse=False):
            owners[id(parameter)] = owners.get(id(parameter), 0) + 1
    found = {name: module for name, module in model.named_modules() if isinstance(module, nn.Embedding)}
    return {name: module for name, module in found.items() if owners[id(module.weight)] == 1}


@torch.no_grad()
def embedding_scale(weight_VD: torch.Tensor) -> float:
    """Return the root mean square of an embedding's weights by the usual one, 1 / root of its width."""
    return float(weight_VD.float().square().mean().sqrt()) * weight_VD.shape[1] ** 0.5


def dropouts(model: nn.Module) -> list[tuple[nn.Module, str]]:
    """Return the attributes that are a probability of dropout above 0, each with its module."""
    return [(module, name) for _, module, name, value in settings.dropouts(model) if value > 0]
