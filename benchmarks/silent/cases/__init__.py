"""All cases, by name; a third of them is held out by a draw."""

import dataclasses
import random

from cases import (
    around_the_step,
    attention,
    data,
    gradients_of_a_step,
    losses,
    optimizer_contents,
    precision,
    ranks,
    reached_weights,
    split_layers,
    starting_weights,
)
from silent_case import SilentCase

_MODULES = (
    *(optimizer_contents, gradients_of_a_step, starting_weights, reached_weights, attention, precision),
    *(losses, data, around_the_step, ranks, split_layers),
)
_FOUND = [value for module in _MODULES for value in vars(module).values() if isinstance(value, SilentCase)]
HELD_OUT = frozenset(random.Random(20261127).sample(sorted(case.name for case in _FOUND), len(_FOUND) // 3))
CASES = {case.name: dataclasses.replace(case, held_out=case.name in HELD_OUT) for case in _FOUND}
