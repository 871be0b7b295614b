"""Gives every model the same number of parameters, by the one width inside it that is free."""

from collections.abc import Callable

from torch import nn

TARGET = 4_000_000
WIDTH, LAYERS, HEADS, VOCABULARY = 256, 4, 4, 257
"""Residual width, blocks, attention heads (of width 64), bytes and the document separator."""

_LARGEST = 4096


def parameters(model: nn.Module) -> int:
    """Return how many numbers are trained, without a table of learned positions.

    The table grows with the longest text and not with what the model can do; nanoGPT counts the same way.
    """
    tables = ("positions.weight", "wpe.weight")
    return sum(value.numel() for name, value in model.named_parameters() if not name.endswith(tables))


def fitted(build: Callable[[int], nn.Module], step: int = 8, target: int = TARGET) -> int:
    """Return the free width, a multiple of `step`, that brings a model nearest to the target.

    Args:
        build: from a free width to a model.
        step: what the width is a multiple of.
        target: parameters.
    """
    low, high = 1, _LARGEST // step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parameters(build(middle * step)) <= target else (low, middle)
    return min((low * step, high * step), key=lambda width: abs(parameters(build(width)) - target))
