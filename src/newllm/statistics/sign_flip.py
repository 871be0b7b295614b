"""The sign-flip test of paired differences: exact, and without an assumption about their distribution.

If a change does nothing, each difference between a run and its control is as likely to come out with the other
sign. The p value is the share of all sign patterns whose mean is at least as far from 0 as the one observed
(Fisher's randomisation test; on differences of -1, 0 and 1 it is McNemar's exact test). One-sided it is the share
whose mean is at least as large: for a claim that said before the runs which way they would differ.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from newllm.chance import numpy_stream
from newllm.statistics.differences import finite, numbered

Alternative = Literal["two-sided", "greater"]

_MOST_ENUMERATED = 16
# With 2^16 - 1 drawn patterns and the observed one, p is never below 2 / 2^17, the smallest at 17 pairs two-sided.
_DRAWN = 2**16 - 1
# Relative to the sum of all sizes. Sums that differ by less are ties, so rounding never drops the observed pattern.
_TIE = 1e-9


@dataclass(frozen=True)
class SignFlip:
    """What the sign-flip test says.

    Attributes:
        p: the share of sign patterns that are as extreme as the observed one; never 0.
        exact: whether every sign pattern was counted; otherwise 65,535 were drawn.
        units: how many pairs, or clusters, have a sign of their own; `smallest_p` of them bounds p.
    """

    p: float
    exact: bool
    units: int


def sign_flip_test(
    differences: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> SignFlip:
    """Test whether paired differences have mean 0.

    Pairs that share a data set are not independent: if the change happens to suit one data set, all its pairs
    lean one way together, and flipping them one by one counts one observation many times. With `clusters` all
    pairs of a cluster flip together; the test then speaks of data sets that were not tried, at the price of
    having as few observations as there are data sets. Without, it speaks of further seeds on these data sets.
    Which of the two a claim needs is the caller's to choose; a careful study prints both.

    Zeros are kept. Both their signs are the same, so they move neither the mean's sign nor p.

    Args:
        differences: run minus control, one a pair.
        clusters: the data set of each pair; None to flip each pair by itself.
        seed: of the patterns drawn where more than 16 units are not 0; up to 16 all are counted, without chance.
        alternative: "two-sided" (the mean is not 0), or "greater" (it is above 0). To look at the differences
            first and then choose the side doubles the false alarms.

    Raises:
        ValueError: no pairs, a difference that is not finite, not one cluster a pair, or an unknown alternative.
    """
    sides = _sides(alternative)
    values = finite(differences)
    largest = np.abs(values).max()
    if largest:
        values = values / largest  # a sum of large numbers must not overflow
    if clusters is not None:
        values = np.bincount(numbered(clusters, len(values), "clusters"), weights=values)
    moving = values[values != 0]  # a zero doubles the patterns on both sides of the fraction
    exact = len(moving) <= _MOST_ENUMERATED
    sums = _every_sum(moving) if exact else _drawn_sums(moving, seed)
    if sides == 2:
        sums = np.abs(sums)
    extreme = sums >= sums[0] - _TIE * np.abs(moving).sum()
    return SignFlip(float(extreme.mean()), exact, len(values))


def smallest_p(n: int, alternative: Alternative = "two-sided") -> float:
    """Return the least p value that a sign-flip test of n pairs (or clusters) can give: 2 / 2^n, one-sided 1 / 2^n.

    Where it is above the level of the test, there are too few seeds for the test to decide anything: for 0.05 6
    are the fewest, one-sided 5, before any correction for several claims.

    Raises:
        ValueError: n is negative, or an unknown alternative.
    """
    if n < 0:
        raise ValueError(f"{n} pairs: give 0 or more")
    return min(1.0, _sides(alternative) / 2.0**n)


def _sides(alternative: str) -> int:
    sides = {"two-sided": 2, "greater": 1}
    if alternative not in sides:
        raise ValueError(f"alternative {alternative!r}: give one of {', '.join(sides)}")
    return sides[alternative]


def _every_sum(values: np.ndarray) -> np.ndarray:
    """Return the sums over all 2^n sign patterns, the observed one first."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate((sums + value, sums - value))
    return sums


def _drawn_sums(values: np.ndarray, seed: int) -> np.ndarray:
    """Return the observed sum and then those over sign patterns drawn by chance.

    That the observed pattern is counted among them makes the test valid at its level (Phipson & Smyth 2010).
    """
    chance = numpy_stream(seed, "sign flips")
    sums = np.zeros(1 + _DRAWN)
    for value in values:
        signs = chance.integers(0, 2, len(sums)) * 2 - 1
        signs[0] = 1
        sums += signs * value
    return sums
