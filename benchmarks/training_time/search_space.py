"""The settings that a search draws from, the same for every arm.

Eight draws, the same eight for all: learning rates one from each eighth of the range (on a log scale), and of warm-up,
batch and length of context each value about as often, all four in random order beside each other. Seed 0.
"""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np

from newllm.chance import numpy_stream

TRIALS = 8
RATES = (5e-4, 1.2e-2)
WARMUPS = (0.02, 0.05, 0.1)
"""Shares of the steps."""
BATCHES = (1024, 2048, 4096)
"""Tokens."""
LENGTHS = (128, 256, 512)


@dataclasses.dataclass(frozen=True)
class Settings:
    """One point of the space.

    Args:
        learning_rate: the highest, of a cosine schedule that ends at a tenth of it.
        warmup: as a share of the steps.
        batch_tokens: of an update.
        length: of the context in training and in validation.
    """

    learning_rate: float
    warmup: float
    batch_tokens: int
    length: int


def drawn(count: int = TRIALS) -> tuple[Settings, ...]:
    """Return the points."""
    chance = numpy_stream(0, "search")
    low, high = map(math.log, RATES)
    places = (chance.permutation(count) + chance.random(count)) / count
    rates = [float(f"{math.exp(low + (high - low) * place):.3g}") for place in places]
    warmups, batches, lengths = (_balanced(options, count, chance) for options in (WARMUPS, BATCHES, LENGTHS))
    return tuple(itertools.starmap(Settings, zip(rates, warmups, batches, lengths, strict=True)))


def _balanced(options: tuple[Any, ...], count: int, chance: np.random.Generator) -> list[Any]:
    """Return each option about as often, in random order."""
    return [options[int(place) % len(options)] for place in chance.permutation(count)]
