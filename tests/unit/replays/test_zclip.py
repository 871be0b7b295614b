"""ZClip against the formulas of its paper (arXiv 2504.02507), with a naive twin written from them."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from newllm.replays.interventions.optimizer.zclip import ZClip
from newllm.training.step import clip_norm


def of_norm(norm: float) -> list[nn.Parameter]:
    """Return two parameters whose gradients together have this norm, split 3 : 4."""
    first, second = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    first.grad, second.grad = torch.tensor([0.6 * norm, 0.0]), torch.tensor([0.8 * norm])
    return [first, second]


def clip(zclip: ZClip, norm: float) -> float:
    """Return the norm of a gradient of this norm after clipping."""
    parameters = of_norm(norm)
    assert zclip(parameters) == pytest.approx(norm, rel=1e-6)  # what is returned is the norm as it was
    gradients = [p.grad for p in parameters if p.grad is not None]
    after = float(torch.nn.utils.get_total_norm(gradients))
    if after:
        assert float(gradients[1][0]) / after == pytest.approx(0.8)  # the direction stays
    return after


def naive(norms: list[float], warm_up: int, alpha: float = 0.97, threshold: float = 2.5) -> list[float]:
    """Return the norms after clipping, as the paper's algorithm says it."""
    first = np.array(norms[:warm_up])
    mu, sigma = first.mean(), first.std()
    after = list(first)
    for norm in norms[warm_up:]:
        z = (norm - mu) / sigma
        star = mu + threshold**2 / z * sigma if z > threshold else norm
        mu = alpha * mu + (1 - alpha) * star
        sigma = math.sqrt(alpha * sigma**2 + (1 - alpha) * (star - mu) ** 2)
        after.append(star)
    return after


def test_a_long_series_with_outliers_is_clipped_as_the_algorithm_says() -> None:
    chance = np.random.default_rng(0)
    norms = np.abs(chance.normal(2.0, 0.3, 120)).tolist()
    norms[40], norms[41], norms[90] = 30.0, 5.0, 400.0
    zclip = ZClip(clip_norm(0))
    got = [clip(zclip, norm) for norm in norms]
    assert got == pytest.approx(naive(norms, 25), rel=1e-5)
    assert sum(one < norm * 0.999 for one, norm in zip(got, norms, strict=True)) >= 3


def test_the_excess_of_an_outlier_becomes_the_square_of_the_threshold_by_its_score() -> None:
    zclip = ZClip(clip_norm(0), warm_up=2)
    clip(zclip, 1.0), clip(zclip, 3.0)
    assert (zclip.mean, zclip.variance) == (2.0, 1.0)
    assert clip(zclip, 2.0 + 10.0) == pytest.approx(2.0 + 2.5**2 / 10.0)
    mean = 0.97 * 2.0 + 0.03 * 2.625
    assert zclip.mean == pytest.approx(mean)
    assert zclip.variance == pytest.approx(0.97 * 1.0 + 0.03 * (2.625 - mean) ** 2)


def test_a_norm_at_the_threshold_stays_and_a_larger_one_ends_lower_the_larger_it_is() -> None:
    zclip = ZClip(clip_norm(0), warm_up=2)
    clip(zclip, 1.0), clip(zclip, 3.0)
    assert zclip.clipped(2.0 + 2.5) == 4.5
    assert zclip.clipped(4.6) > zclip.clipped(6.0) > zclip.clipped(100.0) > 2.0
    assert zclip.clipped(0.1) == 0.1


def test_norms_that_were_all_alike_clip_an_outlier_to_their_mean() -> None:
    zclip = ZClip(clip_norm(0), warm_up=3)
    for _ in range(3):
        clip(zclip, 2.0)
    assert clip(zclip, 50.0) == pytest.approx(2.0)


def test_the_own_clipping_goes_on_until_the_first_norms_are_gathered() -> None:
    zclip = ZClip(clip_norm(0.5), warm_up=3)
    assert [clip(zclip, norm) for norm in (2.0, 2.1, 1.9)] == pytest.approx([0.5] * 3, rel=1e-5)
    assert zclip.mean == pytest.approx(2.0)  # of the norms as they were
    assert clip(zclip, 2.1) == pytest.approx(2.1)


def test_a_gradient_that_is_not_finite_teaches_nothing() -> None:
    zclip = ZClip(clip_norm(0), warm_up=2)
    assert math.isnan(zclip(of_norm(math.nan)))
    clip(zclip, 1.0), clip(zclip, 3.0)
    assert math.isinf(zclip(of_norm(math.inf)))
    assert (zclip.mean, zclip.variance) == (2.0, 1.0)
