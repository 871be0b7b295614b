"""Excursions of a loss: how many there are, where they begin and end, and how high they are."""

import dataclasses

import numpy as np
import pytest

from newllm.diagnosis.excursion import (
    Excursion,
    _before,
    _chance,
    _decline,
    _expected,
    _noise_before,
    _rebound,
    _sudden,
    find_excursions,
    noise_of,
    tail,
)


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


ONE = Excursion(onset=40, peak=41, end=43, base=2.0, height=1.0, rise=0.6, noise=0.01, chance=0.0, width=1)


def of(**changes: float) -> Excursion:
    return dataclasses.replace(ONE, **changes)  # pyrefly: ignore


def test_a_tail_is_exponential_and_half_as_wide_again_as_that_of_the_points() -> None:
    others = np.arange(100.0)  # nine tenths lie below 89.1; the median of the others above it is 5.4 higher
    scale = 1.5 * 5.4 / np.log(2)
    assert tail(others, 89.1) == pytest.approx(0.1)
    assert tail(others, 100.0) == pytest.approx(0.1 * np.exp(-10.9 / scale))
    assert tail(others - 100, 10.0) == pytest.approx(0.1 * np.exp(-10.0 / scale))  # above nothing, not below it
    assert tail(np.zeros(100), 0.1) == 0.0


def test_what_a_tail_throws_in_a_run_is_told_by_its_length_and_the_width_of_a_point() -> None:
    others = np.arange(100.0)
    assert _expected(others, of(rise=100.0), 500) == pytest.approx(500 * tail(others, 100.0))
    assert _expected(others, of(rise=100.0, width=5), 500) == pytest.approx(100 * tail(others, 100.0))
    assert _expected(np.r_[others, np.nan, np.inf], of(rise=100.0), 500) == _expected(others, of(rise=100.0), 500)
    assert [_expected(others[:count], of(rise=1.0), 500) > 0 for count in (29, 30)] == [False, True]


def chance_of(before: int = 40, high: float = 0.6, **changes: float) -> float:
    """Return the chance of an excursion among quiet points before it and wild ones behind."""
    quiet, wild = np.linspace(-0.02, 0.02, before), np.linspace(-1.0, 1.0, 200)
    one = of(onset=before, peak=before + 1, end=before + 3, rise=high)
    one = dataclasses.replace(one, **{name: int(value) for name, value in changes.items()})
    return _chance(np.concatenate([quiet, np.full(one.end - one.onset, high), wild]), one, 0)


def test_later_points_do_not_excuse_what_stood_high_above_all_before() -> None:
    assert chance_of() < 1e-6
    assert chance_of(end=42) > 1  # one of two points may be a batch as bad as later ones
    assert chance_of(high=0.49) > 1
    assert chance_of(high=0.51) < 1e-6
    assert [chance_of(before=before) < 1e-6 for before in (16, 17)] == [False, True]  # the first has no level


def test_the_level_before_is_a_median_that_ends_before_the_gap() -> None:
    level = np.arange(1.0, 11.0)
    assert _before(level, 3, 0).tolist() == [np.inf, 1, 1.5, 2, 3, 4, 5, 6, 7, 8]
    assert _before(level, 3, 1).tolist() == [np.inf, np.inf, 1, 1.5, 2, 3, 4, 5, 6, 7]
    assert _before(level[:3], 3, 0).tolist() == [np.inf, 1, 1.5]


def test_a_short_series_that_falls_is_expected_to_fall_on() -> None:
    falling = -0.1 * np.arange(39.0)
    assert _decline(falling).tolist() == pytest.approx([0, 0, 0, *[-0.1] * 36])
    assert not _decline(-falling).any()
    assert not _decline(-0.1 * np.arange(40.0)).any()
    bent = np.r_[np.zeros(10), -np.arange(10.0)]
    assert _decline(bent)[12:16].tolist() == [0, -1, -1, -1]  # the usual one of three changes


def test_the_noise_is_that_of_the_points_before() -> None:
    jagged = np.arange(20) % 2.0
    noise = _noise_before(jagged)
    assert np.isinf(noise[:3]).all()
    assert noise[3:8].tolist() == pytest.approx([4 / 7, 1 / 7, 4 / 7, 1 / 7, 4 / 7])  # by the changes
    assert noise[8:].tolist() == [noise_of(jagged[:count]) for count in range(8, 20)]
    assert noise_of(jagged) == pytest.approx(2 * 1.4826 / np.sqrt(6))
    assert _noise_before(np.arange(20.0))[3:].tolist() == pytest.approx([4 / 7 / 4] * 5 + [0] * 12)
    later = _noise_before(np.r_[np.zeros(200), np.arange(100) % 2.0])
    assert not later[8:201].any()
    assert later[264:].tolist() == pytest.approx([2 * 1.4826 / np.sqrt(6)] * 36)
    earlier = _noise_before(np.r_[np.arange(160) % 2.0, np.zeros(100)])
    assert (earlier[8:] > 1.2).all()  # the whole run's is the least


@pytest.mark.parametrize(
    ("onset", "height", "brief", "rebounds"),
    [
        (50, 0.4, True, True),
        (50, 0.6, True, False),
        (50, 0.4, False, False),
        (63, 0.4, True, True),
        (64, 0.4, True, False),
    ],
)
def test_what_only_comes_back_from_an_excursion_is_its_rebound(
    onset: int, height: float, brief: bool, rebounds: bool
) -> None:
    """Within sixteen points and the widths of both behind its end, near the level from which the other left."""
    other = of(onset=40, peak=41, end=45, base=2.0, height=1.0)
    loss = np.full(100 if brief else 39, 2.0 + height)
    one = of(onset=onset, peak=min(onset, len(loss) - 1), end=onset + 2)
    assert _rebound(one, other, loss) is rebounds
    long = dataclasses.replace(other, onset=20)
    assert not _rebound(one, dataclasses.replace(long, end=41), np.full(100, 2.0 + height))


def test_what_climbs_for_long_and_stays_is_not_sudden() -> None:
    level = np.r_[np.zeros(40), np.linspace(0, 1, 40)]
    climbs = of(onset=42, peak=79, end=80, rise=1.0)
    assert not _sudden(level, climbs, 1)
    assert _sudden(level, dataclasses.replace(climbs, end=79), 1)  # it came back
    steep = np.r_[np.zeros(40), np.linspace(0, 1, 4), np.ones(36)]
    assert _sudden(steep, dataclasses.replace(climbs, peak=43), 1)
    assert _sudden(level, dataclasses.replace(climbs, rise=0.2), 1)  # half of so small a rise is soon made


def test_a_rise_that_counts_for_nothing_hides_no_later_one() -> None:
    """Above the level of long before, not by enough of that just before."""
    at = np.arange(300)
    hump = np.clip(np.minimum(0.02 * (at - 100), 0.02 * (120 - at)), 0, 0.2)
    loss = 2.0 * np.exp(hump + 0.003 * np.random.default_rng(0).normal(size=300))
    assert find_excursions(loss) == []
    loss[200:206] *= np.exp(0.7)
    (one,) = find_excursions(loss)
    assert (one.onset, one.end, one.width) == (200, 206, 1)


@pytest.mark.parametrize("points", [1, 5])
def test_what_stays_up_is_less_likely_than_a_point_is(points: int) -> None:
    """A loss near zero scatters by factors, so that one point may lie far off; five of them in a row may not."""
    chance = np.random.default_rng(3)
    loss = 0.02 * np.exp(0.35 * chance.standard_t(4, size=144))
    loss[:40] += np.geomspace(2, 0.001, 40)
    loss[96 : 96 + points] = 0.5
    assert bool(find_excursions(loss)) is (points == 5)
