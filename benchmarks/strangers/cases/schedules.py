"""Learning rates by step, as a factor of the base rate."""

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def warmup(steps: int, then: Schedule) -> Schedule:
    """Rise linearly for some steps, then follow another schedule, which counts all steps."""
    return lambda step: (step + 1) / steps if step < steps else then(step)


def constant(step: int) -> float:
    """Always one."""
    return 1.0


def cosine(total: int, floor: float = 0.05) -> Schedule:
    """Fall along a cosine; past its end it rises again, as torch's CosineAnnealingLR does."""
    return lambda step: floor + (1 - floor) * (1 + math.cos(math.pi * step / total)) / 2


def linear(total: int) -> Schedule:
    """Fall to zero."""
    return lambda step: max(0.0, 1 - step / total)


def restarts(period: int, growth: int = 1, floor: float = 0.02) -> Schedule:
    """Fall along a cosine again and again; each period is `growth` times as long as the one before."""

    def factor(step: int) -> float:
        start, length = 0, period
        while step >= start + length:
            start, length = start + length, length * growth
        return floor + (1 - floor) * (1 + math.cos(math.pi * (step - start) / length)) / 2

    return factor


def staircase(every: int, factor: float) -> Schedule:
    """Multiply every so many steps."""
    return lambda step: factor ** (step // every)


def triangle(period: int, low: float = 0.1) -> Schedule:
    """Rise and fall, cyclically."""
    return lambda step: low + (1 - low) * (1 - abs(2 * (step % period) / period - 1))


def stable(total: int, share: float = 0.2) -> Schedule:
    """Stay, then fall to zero in the last share of the steps."""
    return lambda step: min(1.0, max(0.0, (total - step) / (share * total)))
