"""Whether a loss counts frequent classes more than rare ones: read off what each row weighs in it.

Weights of classes are there to make up for rare ones: they go by a negative power of the frequency, -1 where every
class counts alike in all. A positive power is what is left of weights that were made the other way round (the shares
themselves, `pos_weight` as positives by negatives), or that stand in another order than the classes.
"""

import torch
from torch import Tensor

_ALIKE = 0.02  # of a weight: rows that count alike
_APART = 1.2  # times the least weight: less is no weight of a class
_RARE = 0.5  # of the rows of the most frequent class
_FEWEST, _SHARE = 2, 0.5  # rows of a class by which its weight is known; of all rows, those of such classes
_NEAR = 1e-3  # of a gradient's form
_SURE = 1e-3  # of a wrong answer's probability: with less a gradient has lost its digits
_TOLD = 0.05  # that probabilities must spread by, so that a form can be told


def weight_by_frequency(ids: Tensor, weights: Tensor) -> dict[str, float]:
    """Return by which power of its frequency a class weighs, and how far the weights are apart.

    Args:
        ids: of the rows that count, `[N]`: the class of each.
        weights: of these rows in the loss, `[N]`; NaN where one is not known.

    Returns:
        `weight_by_frequency`, the exponent, by least squares over the classes, and `class_weights_apart`, the largest
        weight by the least. Nothing where rows of one class weigh differently, where all classes weigh alike, or where
        no class is rarer than another by half.
    """
    known = torch.isfinite(weights)
    counts: list[float] = []
    levels: list[float] = []
    for one in ids.unique().tolist():
        own = weights[(ids == one) & known]
        if len(own) < _FEWEST:
            continue
        level = float(own.median())
        if not level > 0 or float((own - level).abs().max()) > _ALIKE * level:
            return {}
        levels.append(level)
        counts.append(float((ids == one).sum()))
    if len(levels) < 2 or sum(counts) < _SHARE * len(ids) or min(counts) > _RARE * max(counts):
        return {}
    if max(levels) < _APART * min(levels):
        return {}
    count, level = (torch.tensor(each, dtype=torch.float64).log() for each in (counts, levels))
    count, level = count - count.mean(), level - level.mean()
    power = float(count @ level / (count @ count))
    return {"weight_by_frequency": power, "class_weights_apart": max(levels) / min(levels)}


def binary_weights(o_N: Tensor, g_N: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return class and weight of each row of a binary cross-entropy of logits, from outputs and gradients `[N]`.

    The gradient of a positive row is w (sigmoid(o) - 1), that of a negative one v sigmoid(o).

    Returns:
        None of another loss, and where outputs are too much alike to tell.
    """
    positive = g_N < 0
    p_N = torch.where(positive, 1 - o_N.sigmoid(), o_N.sigmoid())
    weights = torch.where(p_N > _SURE, g_N.abs() / p_N, torch.nan)
    spread = 0.0
    for of in (positive, ~positive):
        known = of & ~weights.isnan()
        if int(known.sum()) < _FEWEST or float((weights[known] / weights[known].median() - 1).abs().max()) > _NEAR:
            return None
        spread = max(spread, float(p_N[known].max() - p_N[known].min()))
    return (positive.long(), weights) if spread > _TOLD else None
