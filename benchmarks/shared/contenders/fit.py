"""Gives every model the same number of parameters, by the one width inside it that is free."""

from collections.abc import Callable

from torch import nn

TARGET = 4_000_000
WIDTH, LAYERS, HEADS, VOCABULARY = 256, 4, 4, 257
"""Residual width, blocks, attention heads (of width 64), bytes and the document separator."""


def parameters(model: nn.Module) -> int:
    """Return how many numbers are trained, without a table of learned positions.

    The table grows with the longest text and not with what the model can do; nanoGPT counts the same way.
    """
    tables = ("positions.weight", "wpe.weight")
    return sum(value.numel() for name, value in model.named_parameters() if not name.endswith(tables))


def fitted(build: Callable[[int], nn.Module], step: int = 8, target: int = TARGET) -> int:
    """Return the free width, a multiple of `step`, that brings a model nearest to the target.

    The count is a polynomial of second degree in the width, or less: three small models tell it whole.

    Args:
        build: from a free width to a model.
        step: what the width is a multiple of.
        target: parameters.
    """
    first, second, third = (parameters(build(times * step)) for times in (1, 2, 3))
    curvature, slope = third - 2 * second + first, second - first

    def count(times: int) -> int:
        return first + (times - 1) * slope + (times - 1) * (times - 2) // 2 * curvature

    times = 1
    while count(times + 1) <= target:
        times += 1
    return step * min((times, times + 1), key=lambda number: abs(count(number) - target))
