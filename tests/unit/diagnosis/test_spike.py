"""One definition of a spike, on the founding document's own figures and on what must not count."""

import math

import numpy as np
import pytest

from newllm.diagnosis.spike import find_spikes, spike_limit


def test_the_founding_baseline_spikes_at_epoch_19_and_heals_at_23() -> None:
    (spike,) = find_spikes(range(17, 24), [5.7692, 5.7692, 11.1040, 14.7028, 10.5887, 6.5873, 5.6552])
    assert (spike.onset, spike.peak, spike.recovery) == (19, 20, 4)
    assert spike.base == 5.7692
    assert spike.height == pytest.approx(14.7028 - 5.7692)
    assert spike.jump == pytest.approx(11.1040 / 5.7692)


def test_the_founding_second_experiment_never_heals_within_its_figures() -> None:
    (spike,) = find_spikes(range(9, 13), [6.5119, 8.2924, 15.3114, 7.9969])
    assert (spike.onset, spike.peak, spike.recovery) == (10, 11, None)
    assert spike.jump == pytest.approx(15.3114 / 8.2924)


def test_a_loss_that_only_falls_has_none() -> None:
    assert find_spikes(range(100), np.exp(-np.arange(100) / 20)) == []


def test_over_fitting_that_creeps_up_is_no_spike() -> None:
    assert find_spikes(range(200), 3 + 0.02 * np.abs(np.arange(200) - 50)) == []


def test_noise_is_no_spike_and_does_not_hide_one() -> None:
    noise = np.random.default_rng(0).normal(0, 0.15, 3000)
    calm = 4 - np.arange(3000) / 3000 + noise
    assert find_spikes(range(3000), calm) == []
    calm[1500:1520] += 3.0
    (spike,) = find_spikes(range(3000), calm)
    assert spike.onset == 1500
    assert 2 < spike.height < 4
    assert spike.recovery == 20


def test_two_spikes_are_two() -> None:
    y = np.full(40, 2.0)
    y[10:12] = 5.0
    y[30] = 4.0
    assert [(spike.onset, spike.height, spike.recovery) for spike in find_spikes(range(40), y)] == [
        (10, 3.0, 2),
        (30, 2.0, 1),
    ]


def test_a_loss_that_is_not_finite_is_infinitely_high() -> None:
    (spike,) = find_spikes(range(4), [3.0, 2.5, math.nan, math.nan])
    assert spike.onset == 2
    assert math.isinf(spike.height)
    assert math.isinf(spike.jump)
    assert spike.recovery is None


def test_short_series_and_unequal_ones() -> None:
    assert find_spikes([], []) == []
    assert find_spikes([1], [9.0]) == []
    with pytest.raises(ValueError, match="equally long"):
        find_spikes([1, 2], [1.0])


def onsets(*y: float, **how: float) -> list[float]:
    return [spike.onset for spike in find_spikes(range(len(y)), y, **how)]  # pyrefly: ignore


def test_a_spike_rises_by_three_tenths_within_five_points_and_is_over_within_as_much_of_the_base() -> None:
    assert [onsets(2, 2, 2, rise) for rise in (2.29, 2.31)] == [[], [3]]
    assert [onsets(2, 2, 2, rise, least=0.5) for rise in (2.5, 2.51)] == [[], [3]]
    assert [onsets(*(2 + slope * step for step in range(9))) for slope in (0.055, 0.061)] == [[], [5]]
    assert onsets(1, 2, 2, 2, 2, 2, 2.2, least=0.5) == [1]
    assert onsets(1.9, *[2.0] * 6, 2.25) == []  # held against the lowest of the five points before
    (spike,) = find_spikes([0, 2, 4, 6, 8], [2.0, 3.0, 6.0, 2.5, 2.0], least=0.5)
    assert (spike.onset, spike.peak, spike.base, spike.height, spike.jump, spike.recovery) == (2, 4, 2.0, 4.0, 2.0, 4)
    (spike,) = find_spikes([0, 2, 4, 6], [2.0, 3.0, 2.51, 2.51], least=0.5)
    assert spike.recovery is None
    (spike,) = find_spikes(range(3), [0.0, 3.0, 3.5])
    assert spike.jump == math.inf


def test_a_spike_is_nine_times_the_noise_of_the_sixty_four_points_before() -> None:
    def jagged(points: int, by: float) -> list[float]:
        return [2 + by * (-1) ** step for step in range(points)]

    assert [bool(onsets(*jagged(points, 0.05), 2.4)) for points in (7, 8)] == [True, False]
    assert 164 in onsets(*jagged(100, 0.2), *[2.0] * 64, 2.4)
    assert 120 not in onsets(*jagged(100, 0.2), *[2.0] * 20, 2.4)
    noise = 1.4826 * 0.2 / math.sqrt(6)  # second differences of 0.2 either way
    assert [bool(onsets(*jagged(40, 0.05), 1.95 + times * noise)) for times in (8.9, 9.1)] == [False, True]
    assert [bool(onsets(*jagged(40, 0.05), 1.95 + times * noise, noise=5.0)) for times in (4.9, 5.1)] == [False, True]
    assert spike_limit(np.array(jagged(40, 0.05))) == pytest.approx(9 * noise)
    assert spike_limit(np.array([*jagged(40, 0.05), np.inf])) == pytest.approx(9 * noise)
    assert spike_limit(np.empty(0), least=0.5) == 0.5
