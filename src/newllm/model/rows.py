"""Rows of a state: chosen, and put together, also where they have read texts of different lengths."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, cat

from newllm.model.bodies import State


def take_rows(state: State, rows: Tensor | slice) -> State:
    """Return these rows, in this order."""
    return {name: value[rows] for name, value in state.items()}


def join_rows(states: Sequence[State]) -> State:
    """Return the rows of several states below one another.

    Caches that grow with the text are filled up on the left: no position looks back beyond its text's beginning.
    """
    joined = {}
    for name in states[0]:
        values = [state[name] for state in states]
        if values[0].dim() > 1:
            longest = max(value.shape[1] for value in values)
            values = [F.pad(value, (0, 0) * (value.dim() - 2) + (longest - value.shape[1], 0)) for value in values]
        joined[name] = cat(values)
    return joined
