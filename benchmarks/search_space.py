"""The settings that a search draws from, the same for every arm.

Eight draws, the same eight for all: learning rates one from each eighth of the range (on a log scale), in random order
beside warm-up, batch and length of context, which are drawn evenly. Seed 0.
"""

import dataclasses
import math

from newllm.chance import numpy_stream

TRIALS = 8
RATES = (5e-4, 1.2e-2)
WARMUPS = (0.02, 0.05, 0.1)
"""Shares of the steps."""
BATCHES = (2048, 4096, 8192)
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
    points = []
    for place in places:
        warmup, batch, length = (int(chance.integers(len(options))) for options in (WARMUPS, BATCHES, LENGTHS))
        rate = float(f"{math.exp(low + (high - low) * place):.3g}")
        points.append(Settings(rate, WARMUPS[warmup], BATCHES[batch], LENGTHS[length]))
    return tuple(points)
