"""A loss watched while the run goes on: spikes are seen soon and where they begin, noise is not."""

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest

from newllm.diagnosis.excursion import LEAST, find_excursions
from newllm.diagnosis.onset import LONG, Onset, OnsetWatch, _first_above, _highest, _loss_at, _median, _noise, _usual
from newllm.diagnosis.spike import find_spikes

FOUNDING = [5.7692, 5.7692, 11.1040, 14.7028, 10.5887, 6.5873, 5.6552]
# Validation losses of the founding second experiment, seed 1, every two steps.
EXPERIMENT2 = [6.91] * 4 + [6.9] * 3 + [6.88, 6.83, 6.47, 9.47, 19.16, 9.07, 5.84, 6.18, 5.98, 6.06, 9.75, 9.8, 6.56]
EXPERIMENT2 += [5.81, 5.82, 6.61, 8.25, 7.23, 6.21, 6.68, 8.57, 8.25, 7.2, 7.64, 9.63, 11.51, 11.36, 9.59]


def watch(losses: Iterable[float]) -> list[Onset]:
    """Return what a watch says of losses at steps 1, 2 ..."""
    seen = OnsetWatch()
    return [onset for step, loss in enumerate(losses, 1) if (onset := seen.see(step, float(loss)))]


def descent(points: int, noise: float, seed: int = 0) -> np.ndarray:
    falling = 2 + 3 * np.exp(-np.arange(points) / (points / 8))
    return falling * np.exp(noise * np.random.default_rng(seed).normal(size=points))


def with_spike(seed: int, noise: float) -> tuple[np.ndarray, int]:
    """Return a descent with a spike of half its level or more, and the step at which that begins."""
    chance = np.random.default_rng(seed)
    losses, at = descent(300, noise, seed), int(chance.integers(20, 280))
    losses[at : at + int(chance.integers(2, 12))] *= chance.uniform(1.8, 3.0)
    return losses, at + 1


def test_the_founding_spike_is_seen_at_its_first_epoch() -> None:
    curve = np.concatenate([np.round(5.8 + 1.2 * np.exp(-np.arange(16) / 5), 4), FOUNDING])
    (onset,) = watch(curve)
    (spike,) = find_spikes(range(1, len(curve) + 1), curve)
    assert (onset.step, onset.onset, onset.before) == (19, spike.onset, 18)
    assert onset.base == pytest.approx(5.7692, abs=0.02)
    assert onset.rise == pytest.approx(math.log(11.1040 / 5.7692), abs=0.01)


@pytest.mark.parametrize("noise", [0.002, 0.01, 0.03])
def test_it_agrees_with_what_is_found_afterwards(noise: float) -> None:
    runs = [with_spike(seed, noise) for seed in range(20)]
    said = [watch(losses) for losses, _ in runs]
    assert all(len(onsets) == 1 for onsets in said)
    assert all(one.onset == begins and one.step <= begins + 2 for (_, begins), (one,) in zip(runs, said, strict=True))
    for (losses, _), (one,) in zip(runs, said, strict=True):
        assert one.onset - 1 in [excursion.onset for excursion in find_excursions(losses)]


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05, 0.1])
def test_healthy_noise_raises_no_alarm(noise: float) -> None:
    assert [watch(descent(2000, noise, seed)) for seed in range(5)] == [[]] * 5


def test_noise_with_a_tail_raises_alarms_seldom() -> None:
    heavy = [descent(2000, 0.0) * np.exp(0.05 * np.random.default_rng(s).exponential(size=2000)) for s in range(5)]
    assert sum(len(watch(losses)) for losses in heavy) <= 2


def test_noise_that_grows_is_no_spike() -> None:
    """A classifier that begins to learn: the ratio of its batches grows."""
    for seed in range(10):
        size = np.concatenate([np.full(60, 0.02), np.linspace(0.02, 0.2, 20), np.full(60, 0.2)])
        noise = size * np.random.default_rng(seed).normal(size=140)
        assert watch(2 * np.exp(-np.maximum(0, np.arange(140) - 60) / 80 + noise)) == []


@pytest.mark.parametrize(("slope", "begins"), [(0.03, 153), (0.09, 151)])
def test_a_rise_over_several_points_is_told_from_where_it_began(slope: float, begins: int) -> None:
    losses = 2 + 0.002 * np.random.default_rng(0).normal(size=200)
    losses[150:] *= np.minimum(1 + slope * np.arange(1, 51), 3)
    (onset,) = watch(losses)
    assert onset.onset == begins
    assert onset.before == begins - 1
    assert begins + 1 <= onset.step <= begins + 6


def test_what_was_told_is_not_told_as_the_beginning_of_the_next() -> None:
    onsets = watch(EXPERIMENT2)
    assert [one.onset for one in onsets[:3]] == [11, 18, 24]
    assert all(later.onset > earlier.step for earlier, later in pairwise(onsets))


def test_a_loss_that_is_not_finite_is_told_at_once_and_once() -> None:
    for bad in (math.nan, math.inf):
        (onset,) = watch([*descent(50, 0.01), bad, bad, bad])
        assert (onset.step, onset.onset, onset.before) == (51, 51, 50)
        assert onset.rise == math.inf
    assert [one.step for one in watch([math.nan, 2.0])] == [1]


def test_a_spike_that_ends_in_no_number_is_told_again_from_where_it_began() -> None:
    first, second = watch([*descent(50, 0.01), 8.0, 9.0, math.nan])
    assert (first.step, second.step) == (51, 53)
    assert first.onset == second.onset == 51
    assert math.isfinite(first.rise)
    assert second.rise == math.inf


@pytest.mark.parametrize("bad", [8.0, math.nan])
def test_it_is_ready_again_when_the_loss_has_come_back(bad: float) -> None:
    losses = descent(200, 0.01)
    losses[100:104] = losses[150:153] = bad
    assert [one.onset for one in watch(losses)] == [101, 151]


def test_a_level_that_stays_becomes_the_trend() -> None:
    losses = np.full(3 * LONG, 2.0)
    losses[LONG:] = 4.0
    losses[LONG + 150] = 9.0  # still the same time off the trend
    losses[-20] = 9.0
    assert [one.onset for one in watch(losses)] == [LONG + 1, 3 * LONG - 19]


def test_a_loss_below_nothing_is_held_against_its_range() -> None:
    losses = descent(200, 0.01) - 6
    losses[120:123] = 1.0
    (onset,) = watch(losses)
    assert onset.onset == 121
    assert onset.base == pytest.approx(np.median(losses[110:120]), abs=0.1)


@pytest.mark.parametrize("cut", [10, 101, 110, 160])
def test_a_watch_that_sees_the_same_losses_again_goes_on_the_same(cut: int) -> None:
    losses = descent(300, 0.05)
    losses[100:130] *= 2.5
    losses[200] *= 3
    whole, rest = watch(losses), OnsetWatch()
    for step in range(cut):
        rest.see(step + 1, float(losses[step]))
    later = [found for step in range(cut, 300) if (found := rest.see(step + 1, float(losses[step])))]
    assert later == [onset for onset in whole if onset.step > cut]
    assert len(whole) == 2


def test_too_few_points_say_nothing() -> None:
    assert watch([]) == watch([3.0]) == watch([3.0, 9.0, 3.0]) == []


@pytest.mark.parametrize(
    ("values", "width", "first"),
    [
        ([0, 0, 2, 0, 2, 2], 4, 2),  # the first of the last four, whatever lies between
        ([0, 2, 2, 0, 2, 2], 4, 1),  # and from there back as long as it is without a gap
        ([0, 2, 2, 0, 2, 2], 2, 4),
        ([2, 0, 0, 0, 0, 2], 1, 5),
        ([0, 2, 0, 0, 0, 0], 3, 5),  # none of the last is: the point itself
        ([2, 2, 2, 2, 2, 2], 2, 1),  # the first point has nothing before it
    ],
)
def test_an_onset_is_the_first_point_that_leads_here(values: list[float], width: int, first: int) -> None:
    assert _first_above(values, width, 1.0) == first


def test_the_usual_level_is_a_median_carried_on_where_few_points_fall() -> None:
    assert _usual([9.0, 5, 4, 3, 2], 1, 5) == 3 - 1  # of three, and down by the usual change
    assert _usual([1.0, 2, 3], 1, 5) == 2  # what rises is not carried on
    assert _usual([9.0, 5, 4, 3, 2], 5, 5) == 4
    falling = [float(value) for value in range(40, 0, -1)]
    assert _usual(falling, 1, 40) == 3  # of five
    assert _usual(falling, 1, 139) == 3.5  # of six: a twentieth of those seen
    assert _usual(falling, 1, 10_000) == 16.5  # of 32 at most
    assert _usual(falling[1:], 1, 40) == 2 - 1


def test_the_highest_of_late_is_of_points_or_of_medians() -> None:
    assert _highest([9.0, 5, 1, 1, 1, 1, 1, 1, 1], 1) == 5
    values = [9.0] * 5 + [1.0] * 20
    assert _highest(values, 5) == 9
    assert [_highest([9.0] * 5 + [1.0] * count, 5) for count in (22, 23)] == [9, 1]
    assert _highest([3.0, 1, 2, 5, 4], 5) == 3


def test_the_noise_is_the_largest_of_late() -> None:
    jagged = [at % 2 for at in range(20)]
    assert _noise(np.array([0.0] * 100 + jagged)) == pytest.approx(2 * 1.4826 / math.sqrt(6))  # of the last sixteen
    assert _noise(np.array(jagged[:7], dtype=float)) == pytest.approx(4 / 7)
    assert _noise(np.array(jagged[:8], dtype=float)) == pytest.approx(2 * 1.4826 / math.sqrt(6))
    assert _noise(np.arange(5.0)) == pytest.approx(4 / 7 / 4)


def test_medians_and_levels() -> None:
    assert [_median(values) for values in ([3.0], [4, 1], [5, 1, 3], [4, 1, 2, 9])] == [3, 2.5, 3, 3]
    assert _loss_at(math.log(3), np.zeros(2), [1.0, 2.0]) == pytest.approx(3)
    assert _loss_at(0.5, np.array([-2.0, 1.0]), [-8.0, 4.0]) == pytest.approx(2)


@pytest.mark.parametrize(("before", "least"), [(5, 2 * LEAST), (7, 2 * LEAST), (8, LEAST), (20, LEAST)])
def test_after_few_points_twice_the_rise_is_asked_for(before: int, least: float) -> None:
    for rise, is_seen in ((0.98 * least, False), (1.02 * least, True)):
        assert bool(watch([3.0] * before + [3.0 * math.exp(rise)])) is is_seen
