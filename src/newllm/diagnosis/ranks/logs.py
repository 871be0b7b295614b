"""The logs that the ranks of one training write, a file each, read as one recording.

The training is what rank 0 logged, its loss the mean of all ranks; beside it stand the numbers of each.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import numpy as np

from newllm.diagnosis.ranks.files import GRADIENT_NORM, LOSS, SECONDS
from newllm.diagnosis.ranks.fingerprints import Ranks
from newllm.diagnosis.ranks.signals import RankSignals
from newllm.messages import message
from newllm.trace import Remark, Series, Trace

FEWEST = 5  # points that logs have in common
SAME_STEPS = 0.9  # of the points of one log up to where the other ends, the other has too
EARLY = 0.9  # of the steps of the longest: a log that ends before is of no use for the mean
_SHARED = ("gradient_norm", "validation_loss", "validation_accuracy")
_NAMES = {LOSS: LOSS, GRADIENT_NORM: GRADIENT_NORM, "step_seconds": SECONDS}


def have_same_steps(traces: Mapping[int, Trace]) -> bool:
    """Whether all logs have a loss at the same steps, each as far as it goes."""
    each = [one.series(LOSS).step for one in traces.values()]
    if any(len(one) < FEWEST for one in each):
        return False
    longest = max(each, key=len)
    for one in each:
        until = min(one[-1], longest[-1])
        mine, theirs = one[one <= until], longest[longest <= until]
        if np.isin(mine, theirs).mean() < SAME_STEPS or np.isin(theirs, mine).mean() < SAME_STEPS:
            return False
    return True


def share_their_weights(traces: Mapping[int, Trace]) -> bool:
    """Whether logs show that they are of one training: a norm or an evaluation that all have alike, losses that differ.

    Trainings from other seeds never come to the same norm of a gradient twice; one training that was logged twice has
    the same losses, too.
    """
    if not _differ([one.series(LOSS) for one in traces.values()]):
        return False
    return any(_are_equal([one.series(name) for one in traces.values()]) for name in _SHARED)


def joined_ranks(traces: Mapping[int, Trace]) -> tuple[Trace, Ranks]:
    """Return the training that ranks logged, and what is known of each.

    Args:
        traces: by rank, two or more.
    """
    ranks = tuple(sorted(traces))
    first = traces[ranks[0]]
    signals = {
        known: tuple(traces[rank].series(name) for rank in ranks)
        for name, known in _NAMES.items()
        if all(len(traces[rank].series(name).step) for rank in ranks)
    }
    found = RankSignals(ranks, signals, of_logs=True)
    mean = _mean(signals.get(LOSS, ()))
    if mean is not None:
        decimals = {name: digits for name, digits in first.decimals.items() if name != LOSS}
        first = replace(first, signals={**first.signals, LOSS: mean}, decimals=decimals)
    said = Remark("note", message("remark-logs-of-ranks", count=len(ranks), first=ranks[0], mean=mean is not None))
    return replace(first, remarks=(said, *first.remarks)), Ranks(len(ranks), 0, signals=found)


def _mean(losses: tuple[Series, ...]) -> Series | None:
    """Return the mean loss of the ranks, where they log losses of their own; of a log that ends early nothing."""
    if not losses or not _differ(losses):
        return None
    last = max(int(one.step[-1]) for one in losses)
    whole = [one for one in losses if one.step[-1] >= EARLY * last]
    if len(whole) < 2:
        return None
    steps = reduce(np.intersect1d, [one.step for one in whole])
    return Series(steps, np.mean([one.value[np.searchsorted(one.step, steps)] for one in whole], axis=0))


def _differ(series: tuple[Series, ...] | list[Series]) -> bool:
    steps, values_RS = _common(series)
    return len(steps) > 0 and bool((values_RS != values_RS[:1]).any())


def _are_equal(series: list[Series]) -> bool:
    """Whether numbers that vary are equal on all, at all of several points."""
    steps, values_RS = _common(series)
    return len(steps) >= FEWEST and bool((values_RS == values_RS[:1]).all()) and len(np.unique(values_RS[0])) >= FEWEST


def _common(series: tuple[Series, ...] | list[Series]) -> tuple[np.ndarray, np.ndarray]:
    return RankSignals(tuple(range(len(series))), {LOSS: tuple(series)}).common(LOSS)
