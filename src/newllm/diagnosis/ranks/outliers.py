"""Which rank of a training is unlike the others, by its own loss and the norm of its own gradient.

Ranks read different rows, so their losses scatter; a rank's shard may be harder, or in another language, and lie apart
for good. What a sound shard does not do: be no number where others are, give no gradient or one ten times as large as
the others' throughout, jump alone where the mean loss jumps, or learn nothing while the others go on learning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from newllm.diagnosis.excursion import find_excursions
from newllm.diagnosis.ranks.files import GRADIENT_NORM, LOSS
from newllm.diagnosis.ranks.signals import RankSignals

Form = Literal["not-a-number", "jump", "gradient-jump", "zero-gradient", "large-gradient", "stays", "memorised"]
FEWEST = 5  # steps at which gradients are compared
MOSTLY = 0.9  # of these steps
TIMES = 10.0  # as large as the others': rows of other lengths and languages make two or three
FEWEST_LOSSES = 80  # steps from which a loss that stays is told from one that falls slowly
FALL = 0.04  # of their loss, that the others learn meanwhile, and the rank does not
STAYS = 0.25  # of what the others learn: so much at most
ABOVE = 1.2  # times the others' loss
BELOW, HALVED = 0.25, 0.5  # of the others' loss, of its own before: what is learnt by heart
SURE = 4.0  # standard errors
JUMP = 6.0  # standard deviations of its own noise
STILL = 4.0  # of theirs: another that moves so far jumps too
JUST, LEAP = 2, 20.0  # steps before, times the others' and its own: a gradient that throws all off
SHARE = 0.8  # of what all ranks together leave their level by
BEFORE = 32  # steps that say what is usual


@dataclass(frozen=True)
class Outlier:
    """A rank that is unlike the others.

    Attributes:
        form: in what.
        rank: its number.
        first: step that it is seen at, and the last.
        own: its number there, at most or as a rule.
        others: that of the others.
        steps: that were compared, or at which it is so.
        for_good: whether all ranks are no number from there on.
    """

    form: Form
    rank: int
    first: int
    last: int
    own: float
    others: float
    steps: int
    for_good: bool = False


def find_outliers(signals: RankSignals) -> Iterator[Outlier]:
    """Yield the ranks that are unlike the others; of a training whose ranks are all alike none."""
    steps, loss_RS = signals.common(LOSS)
    at, norm_RS = signals.common(GRADIENT_NORM)
    if len(signals.ranks) < 2:
        return
    yield from _not_finite(signals, steps, loss_RS)
    if _differ(norm_RS):
        yield from _gradients(signals, at, norm_RS)
    if _differ(loss_RS):
        yield from _apart(signals, steps, loss_RS)
    yield from _jumps(signals, steps, loss_RS, at, norm_RS)


def _differ(values_RS: np.ndarray) -> bool:
    """Whether numbers are the ranks' own: what was averaged before it was written is the same on all."""
    return bool((values_RS != values_RS[:1]).any())


def _not_finite(signals: RankSignals, steps: np.ndarray, loss_RS: np.ndarray) -> Iterator[Outlier]:
    """Yield the rank whose loss is no number at the first step at which any is, where others have one."""
    finite_RS = np.isfinite(loss_RS)
    bad = np.flatnonzero(~finite_RS.all(axis=0))
    if not len(bad) or not finite_RS[:, bad[0]].any():
        return
    first, after_RS = bad[0], finite_RS[:, bad[0] + 1 :]
    others = float(np.median(loss_RS[finite_RS[:, first], first]))
    for rank in np.flatnonzero(~finite_RS[:, first]):
        for_good = after_RS.shape[1] == 0 or not after_RS.any()
        numbers = float(loss_RS[rank, first]), others, len(bad)
        yield Outlier("not-a-number", signals.ranks[rank], int(steps[first]), int(steps[first]), *numbers, for_good)


def _gradients(signals: RankSignals, steps: np.ndarray, norm_RS: np.ndarray) -> Iterator[Outlier]:
    """Yield ranks that give no gradient, or one far larger than the others', over the latter half of the steps."""
    kept = np.isfinite(norm_RS).all(axis=0)
    steps, norm_RS = steps[kept][kept.sum() // 2 :], norm_RS[:, kept][:, kept.sum() // 2 :]
    if len(steps) < FEWEST:
        return
    for rank, own_S in enumerate(norm_RS):
        others_S = np.median(np.delete(norm_RS, rank, axis=0), axis=0)
        numbers = int(steps[0]), int(steps[-1]), float(np.median(own_S)), float(np.median(others_S)), len(steps)
        if np.mean((own_S == 0) & (others_S > 0)) >= MOSTLY:
            yield Outlier("zero-gradient", signals.ranks[rank], *numbers)
        elif others_S.min() > 0 and np.mean(own_S > TIMES * others_S) >= MOSTLY:
            yield Outlier("large-gradient", signals.ranks[rank], *numbers)


def _apart(signals: RankSignals, steps: np.ndarray, loss_RS: np.ndarray) -> Iterator[Outlier]:
    """Yield ranks whose loss stays high in the latter three quarters of the steps, while that of the others falls.

    And those whose loss goes on to a small part of the others', as that of rows does that come again and again.
    """
    kept = np.isfinite(loss_RS).all(axis=0)
    steps, loss_RS = steps[kept], loss_RS[:, kept]
    if len(steps) < FEWEST_LOSSES or loss_RS.min() < 0:
        return
    quarter = len(steps) // 4
    early_RS, late_RS = loss_RS[:, quarter : 2 * quarter], loss_RS[:, -quarter:]
    fall_R = early_RS.mean(axis=1) - late_RS.mean(axis=1)
    error_R = np.sqrt((early_RS.var(axis=1) + late_RS.var(axis=1)) / quarter)
    level_R = late_RS.mean(axis=1)
    stays, memorised = [], []
    for rank in range(len(loss_RS)):
        others = np.delete(np.arange(len(loss_RS)), rank)
        fall, level = float(np.median(fall_R[others])), float(np.median(level_R[others]))
        learn = (fall_R[others] > FALL * level_R[others]).all()
        clear = fall - fall_R[rank] > SURE * float(np.hypot(error_R[rank], error_R[others].max()))
        numbers = signals.ranks[rank], steps[quarter:], float(level_R[rank]), level
        still = fall_R[rank] < min(STAYS * fall, FALL * level_R[rank])
        if learn and clear and still and level_R[rank] > ABOVE * level_R[others].max():
            stays.append(_of_levels("stays", *numbers))
        elif level_R[rank] < min(BELOW * level_R[others].min(), HALVED * early_RS[rank].mean()):
            memorised.append(_of_levels("memorised", *numbers))
    yield from stays or memorised  # beside a rank that learns nothing any other is far ahead


def _of_levels(form: Form, rank: int, steps: np.ndarray, own: float, others: float) -> Outlier:
    return Outlier(form, rank, int(steps[0]), int(steps[-1]), own, others, len(steps))


def _jumps(
    signals: RankSignals, steps: np.ndarray, loss_RS: np.ndarray, at: np.ndarray, norm_RS: np.ndarray
) -> Iterator[Outlier]:
    """Yield the rank whose loss alone leaves its level where the mean of all does, or whose gradient did before."""
    kept = np.isfinite(loss_RS).all(axis=0)
    steps, loss_RS = steps[kept], loss_RS[:, kept]
    for one in find_excursions(loss_RS.mean(axis=0)):
        before_RB = loss_RS[:, max(0, one.onset - BEFORE) : one.onset]
        if before_RB.shape[1] < FEWEST:
            continue
        level_R = np.median(before_RB, axis=1)
        noise_R = 1.4826 * np.median(np.abs(before_RB - level_R[:, None]), axis=1) + 1e-12
        excess_R = loss_RS[:, one.onset] - level_R
        rank = int(excess_R.argmax())
        others = np.delete(np.arange(len(loss_RS)), rank)
        alone = excess_R[rank] >= SHARE * np.maximum(excess_R, 0).sum()
        if alone and excess_R[rank] > JUMP * noise_R[rank] and (excess_R[others] < STILL * noise_R[others]).all():
            own, usual = float(loss_RS[rank, one.onset]), float(np.median(loss_RS[others, one.onset]))
            first, last = int(steps[one.onset]), int(steps[min(one.end, len(steps)) - 1])
            yield Outlier("jump", signals.ranks[rank], first, last, own, usual, one.end - one.onset)
        elif _differ(norm_RS):
            yield from _gradient_jumps(signals, at, norm_RS, int(steps[one.onset]))


def _gradient_jumps(signals: RankSignals, at: np.ndarray, norm_RS: np.ndarray, onset: int) -> Iterator[Outlier]:
    """Yield the rank whose gradient alone was far larger than ever right before a step."""
    for place in np.flatnonzero((at >= onset - JUST) & (at <= onset)):
        rank = int(norm_RS[:, place].argmax())
        own, others = float(norm_RS[rank, place]), np.delete(norm_RS, rank, axis=0)
        before = norm_RS[rank, max(0, place - BEFORE) : place]
        if len(before) >= FEWEST and own > LEAP * max(float(others[:, place].max()), float(np.median(before))):
            usual, step = float(np.median(others[:, place])), int(at[place])
            yield Outlier("gradient-jump", signals.ranks[rank], step, onset, own, usual, 1)
            return
