"""Excursions of a loss: how many there are, where they begin and end, and how high they are."""

import numpy as np
import pytest

from newllm.diagnosis.excursion import find_excursions


def noisy(points: int = 300, seed: int = 0) -> np.ndarray:
    return 2.0 * np.exp(0.02 * np.random.default_rng(seed).normal(size=points))


@pytest.mark.parametrize("sign", [1, -1])
def test_excursions_apart_are_each_found(sign: int) -> None:
    loss = noisy()
    for onset in (80, 150, 230):
        loss[onset : onset + 6] *= np.exp(sign * 0.7)
    found = find_excursions(loss, sign)
    assert [one.onset for one in found] == [80, 150, 230]
    assert [one.end for one in found] == [86, 156, 236]
    assert [one.rise for one in found] == pytest.approx([0.7] * 3, abs=0.1)
    assert [one.base for one in found] == pytest.approx([2.0] * 3, abs=0.1)
    assert find_excursions(loss, -sign) == []


def test_one_without_an_end_goes_on_to_the_last_point() -> None:
    loss = noisy()
    loss[200:] *= 3
    (one,) = find_excursions(loss)
    assert (one.onset, one.end) == (200, 300)


def test_noise_alone_has_none() -> None:
    assert [seed for seed in range(50) if find_excursions(noisy(seed=seed))] == []
