"""Quantiles and shares of the two distributions that intervals are made of, so that none needs scipy (150 MB)."""

import functools
import math

_HALVINGS = 64  # more than a float has bits


def normal_share_below(x: float) -> float:
    """Return the share of a standard normal distribution that lies below x."""
    return math.erfc(-x / math.sqrt(2)) / 2


@functools.lru_cache(maxsize=64)
def students_reach(freedom: int, level: float) -> float:
    """Return the t within which, on both sides of 0, Student's distribution has `level` of itself.

    For whole degrees of freedom its share is a finite sum (Abramowitz & Stegun 26.7.3 and 26.7.4); what has a given
    share is found by halving.

    Args:
        freedom: degrees of freedom, 1 or more.
        level: between 0 and 1.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        angle = (low + high) / 2
        low, high = (angle, high) if _share_within(angle, freedom) < level else (low, angle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _share_within(angle: float, freedom: int) -> float:
    """Return the share of Student's distribution within +-t, where tan(angle) is t / sqrt(freedom)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    term, total = (cosine if freedom % 2 else 1.0), 0.0
    for power in range(freedom % 2, freedom - 1, 2):  # of the cosine
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + sine * total) if freedom % 2 else sine * total
