"""One definition of a spike, on the founding document's own figures and on what must not count."""

import math

import numpy as np
import pytest

from newllm.diagnosis import find_spikes


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
