"""How bad a spike is: on curves like the founding run's, and on what only looks like a spike."""

import math

import numpy as np
import pytest

from newllm.replays.subjects.severity import HIGHEST, SMALLEST, Severity, excess, healthy_limit, noise_floor, severity

ONSET, PEAK, HEALED = 38, 41, 46


def founding(chance: np.random.Generator, noise: float = 0.03) -> tuple[list[int], list[float]]:
    """Steps and losses like those of seed-baseline: two updates an epoch, 6.9 to 5.6 nats, and up to 12 at step 41."""
    steps = np.arange(1, 101)
    loss = 5.4 + 1.5 * np.exp(-steps / 12)
    rise = np.interp(steps, [ONSET - 1, PEAK, HEALED], [0.0, 6.4, 0.0])
    return steps.tolist(), (loss + rise + noise * chance.standard_normal(100)).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_the_founding_spike_is_found_where_it_is_and_as_high(seed: int) -> None:
    steps, loss = founding(np.random.default_rng(seed))
    limit = healthy_limit(loss[: ONSET - 3])
    assert 0.03 < limit < 0.2
    found = severity(steps, loss, limit)
    assert found.spiked
    assert found.onset is not None
    assert ONSET <= found.onset <= PEAK
    assert found.peak == pytest.approx(math.log(11.85 / 5.45), abs=0.05)
    triangle = sum(math.log(1 + rise / 5.45) - limit for rise in (1.6, 3.2, 4.8, 6.4, 5.12, 3.84, 2.56, 1.28))
    assert found.area == pytest.approx(triangle, rel=0.2)


def test_the_same_curve_without_the_spike_has_none() -> None:
    for seed in range(20):
        steps, loss = founding(np.random.default_rng(seed))
        calm = [value - rise for value, rise in zip(loss, spike_alone(), strict=True)]
        found = severity(steps, calm, healthy_limit(loss[: ONSET - 3]))
        assert (found.onset, found.area) == (None, 0.0), seed
        assert found.peak < 0.1


def spike_alone() -> list[float]:
    return np.interp(np.arange(1, 101), [ONSET - 1, PEAK, HEALED], [0.0, 6.4, 0.0]).tolist()


@pytest.mark.parametrize("smoothed", [False, True])
@pytest.mark.parametrize(("level", "noise"), [(0.05, 0.01), (3.0, 0.3)])
def test_flat_noise_hardly_ever_spikes(level: float, noise: float, *, smoothed: bool) -> None:
    """The limit is set to one false alarm in a hundred runs of the length that it was taken from."""
    alarms = 0
    for seed in range(200):
        loss = level + noise * np.random.default_rng(seed).standard_normal(80)
        limit = healthy_limit(loss[:40], smoothed=smoothed)
        alarms += severity(range(80), loss.tolist(), limit, smoothed=smoothed).spiked
    assert alarms == 0


@pytest.mark.parametrize("smoothed", [False, True])
def test_heavy_tails_hardly_ever_spike_either(*, smoothed: bool) -> None:
    alarms = 0
    for seed in range(200):
        loss = 3 + 0.1 * np.random.default_rng(seed).standard_t(4, size=200)
        limit = healthy_limit(loss[:100], smoothed=smoothed)
        alarms += severity(range(200), loss.tolist(), limit, smoothed=smoothed).spiked
    assert alarms <= 6


def test_a_batch_as_bad_as_those_before_is_no_spike_and_one_much_worse_is() -> None:
    chance = np.random.default_rng(0)
    loss = 3 + 0.05 * chance.standard_normal(100)
    limit = healthy_limit(loss[:60])
    for height, spiked in ((0.1, False), (3.0, True)):
        bad = loss.copy()
        bad[70] += height
        found = severity(range(1, 101), bad.tolist(), limit)
        assert found.spiked is spiked
        if spiked:
            assert found.onset == 71
            assert found.peak == pytest.approx(math.log(2), abs=0.05)
            assert found.area == pytest.approx(found.peak - limit)  # one step


def test_divergence_to_what_is_no_number_is_as_bad_as_can_be() -> None:
    loss = [*np.linspace(4, 3, 40), 3.5, 5.0, math.inf, math.nan, math.nan]
    found = severity(range(1, 46), loss, healthy_limit(loss[:38]))
    assert found.onset in (41, 42)
    assert found.peak == pytest.approx(math.log(HIGHEST / 3), abs=0.05)
    mild = severity(range(1, 43), [*loss[:42]], healthy_limit(loss[:38]))
    assert found.area > 3 * mild.area


def test_a_first_loss_that_is_no_number_is_no_healthy_start() -> None:
    found = severity([1, 2, 3], [math.nan] * 3, 0.3)
    assert not found.spiked  # there is nothing to rise from: whoever replays sees it diverge at once
    assert math.isfinite(found.peak)


def test_over_fitting_that_creeps_up_is_no_spike() -> None:
    chance = np.random.default_rng(0)
    way = np.concatenate([np.linspace(7, 4.5, 40), np.linspace(4.5, 9.5, 260)])  # doubles, 0.02 nats a step
    loss = (way + 0.02 * chance.standard_normal(300)).tolist()
    found = severity(range(300), loss, healthy_limit(loss[:40]))
    assert not found.spiked


@pytest.mark.slow
def test_a_loss_near_nothing_whose_batches_lie_apart_by_factors_shows_a_spike_and_no_other() -> None:
    """A classifier that has learnt: a batch loses a hundredth, one in twenty many times that, the spike four nats."""
    alarms, seen = 0, 0
    for seed in range(100):
        loss = 0.01 * np.exp(np.random.default_rng(seed).standard_normal(400))
        floor = noise_floor(loss[:200])
        assert floor > 0.02
        limit = healthy_limit(loss[:200], floor, smoothed=True)
        alarms += severity(range(400), loss.tolist(), limit, floor=floor, smoothed=True).spiked
        loss[300:310] = 4.0
        seen += severity(range(400), loss.tolist(), limit, floor=floor, smoothed=True).spiked
    assert alarms <= 4
    assert seen >= 90
    # Held against the luckiest batch so far, as a loss of many texts is, nothing could be seen.
    assert healthy_limit(loss[:200]) > math.log(4 / 0.01)


def test_a_loss_whose_batches_agree_has_no_floor() -> None:
    assert noise_floor(np.random.default_rng(0).normal(2.0, 0.2, 200)) == SMALLEST
    assert noise_floor([]) == SMALLEST
    assert noise_floor(np.geomspace(9.0, 0.01, 60)) == SMALLEST, "a loss that falls is no scatter"


def test_what_comes_later_does_not_decide_what_was_a_spike() -> None:
    """Replays run on for different times, and are compared."""
    chance = np.random.default_rng(1)
    loss = 4 + np.cumsum(0.02 * chance.standard_normal(600))
    limit, whole = healthy_limit(loss[:50]), excess(loss)
    for length in (60, 120, 599):
        np.testing.assert_array_equal(excess(loss[:length]), whole[:length])
        first = severity(range(length), loss[:length].tolist(), limit).onset
        assert first is None or first == severity(range(600), loss.tolist(), limit).onset


def test_a_steep_fall_is_no_spike() -> None:
    loss = [7.0, 6.9, 6.8, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.04, 0.03, 0.02, 0.01]
    assert excess(loss).max() == 0.0
    assert not severity(range(13), loss, healthy_limit(loss[:4])).spiked


def test_heights_are_ratios() -> None:
    low = [0.3] * 20 + [1.2] * 3 + [0.3] * 20
    high = [40 * value for value in low]
    one, other = (severity(range(43), loss, 0.7) for loss in (low, high))
    assert one.onset == other.onset == 20
    assert one.peak == pytest.approx(other.peak)
    assert one.area == pytest.approx(other.area)
    assert one.peak == pytest.approx(math.log(4))
    assert one.area == pytest.approx(3 * (math.log(4) - 0.7))


def test_an_area_counts_the_steps_that_a_point_stands_for() -> None:
    loss = [3.0] * 10 + [6.0] * 2 + [3.0] * 10
    dense, sparse = (severity(range(0, 22 * every, every), loss, 0.3) for every in (1, 5))
    assert sparse.area == pytest.approx(5 * dense.area)
    assert sparse.onset == 50
    assert sparse.peak == dense.peak


def test_two_spikes_are_both_counted_and_the_first_is_the_onset() -> None:
    loss = [3.0] * 10 + [6.0] + [3.0] * 10 + [9.0] + [3.0] * 10
    found = severity(range(32), loss, 0.3)
    assert found.onset == 10
    assert found.peak == pytest.approx(math.log(3))
    assert found.area == pytest.approx(math.log(2) + math.log(3) - 0.6)


def test_a_spike_that_never_heals_lasts_to_the_end() -> None:
    found = severity(range(20), [3.0] * 10 + [6.0] * 10, 0.3)
    assert found.area == pytest.approx(10 * (math.log(2) - 0.3))


def test_few_points_and_none() -> None:
    assert severity([], [], 0.3).spiked is False
    assert severity([7], [3.0], 0.3).peak == 0.0
    assert severity([7, 8], [3.0, 6.0], 0.3).onset == 8
    assert healthy_limit([3.0]) == pytest.approx(math.log(1.1))  # 0.3 nats on 3
    with pytest.raises(ValueError, match="no loss before the onset"):
        healthy_limit([])


def test_a_probe_that_is_unknown_at_some_steps_is_as_high_as_can_be() -> None:
    assert severity([1, 2, 3], [3.0, None, 3.0], 0.3).peak == pytest.approx(math.log(HIGHEST / 3))  # type: ignore[list-item]


def test_what_came_down_may_be_as_noisy_as_its_own_level_is() -> None:
    """The original's plateau had no noise; a replay that is down at half of it, with batches a tenth apart, is well."""
    chance = np.random.default_rng(0)
    plateau = [6.9] * 30
    low = 3 * np.exp(0.05 * chance.standard_normal(80))
    assert not severity(range(80), low.tolist(), healthy_limit(plateau)).spiked
    assert severity(range(81), [*low.tolist(), 9.0], healthy_limit(plateau)).spiked


def test_noise_is_known_from_the_losses_before_the_start() -> None:
    chance = np.random.default_rng(1)
    before = (3 * np.exp(0.1 * chance.standard_normal(60))).tolist()
    early = [3.0, 2.9, 3.1, 3.8]  # 0.9 nats up, as such batches may be
    assert not severity(range(4), early, 0.05, before).spiked
    assert severity(range(4), early, 0.05, [3.0] * 60).spiked


def test_the_severity_of_two_spikes_by_hand() -> None:
    """Peaks of e and e^2 over a level of 1, points two steps apart: the worse one counts, both add to the area."""
    loss = [1.0] * 20
    loss[5:7], loss[12] = [math.e, math.e], math.e**2
    found = severity(range(0, 40, 2), loss, 0.5)
    assert (found.onset, found.peak) == (10, pytest.approx(2.0))
    assert found.limit == pytest.approx(0.5)
    assert found.area == pytest.approx(2 * (0.5 + 0.5 + 1.5))
    assert found.above == pytest.approx(1.5)


def test_the_last_point_stands_for_as_many_steps_as_the_one_before() -> None:
    found = severity([0, 1, 2, 3, 4, 5, 6, 10, 15], [1.0] * 8 + [math.e], 0.5)
    assert (found.onset, found.area) == (15, pytest.approx(5 * 0.5))


def test_without_a_spike_the_peak_is_where_it_came_nearest_to_the_limit() -> None:
    found = severity(range(10), [1.0] * 5 + [1.2] + [1.0] * 4, 0.5)
    assert (found.spiked, found.onset, found.area, found.above) == (False, None, 0.0, 0.0)
    assert found.peak == pytest.approx(math.log(1.2))
    assert severity([], [], 0.5).limit == 0.5


LEVEL = [1.0] * 9


@pytest.mark.parametrize(
    ("loss", "highest"),
    [
        ([1.0, math.e], 1.0),
        ([math.e, 1.0], 0.0),
        ([1.0, 1.5, 2.0, 2.5, 3.0, 3.5], 3.5),  # five points ago, the lowest of those before
        ([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 6.0], 6.0 / 1.5),  # the best lies too far back
        ([5e-4, 1e-3, 2e-3], 2.0),  # what is below a thousandth of a nat is as good as that
        ([1.0] * 140 + [1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07], 1.07),  # within a twentieth of the way: seven points
        ([1.0, math.inf], 100.0),
        ([20.0, math.nan], 10.0),  # ten times the highest that is known, and 100 at least
    ],
)
def test_the_highest_excess_by_hand(loss: list[float], highest: float) -> None:
    expected = pytest.approx(highest if highest in (0.0, 1.0) else math.log(highest))
    assert excess(loss).max() == expected


@pytest.mark.parametrize(
    ("before", "limit"),
    [
        ([1.0, 2.0, 1.0], 1.5 * math.log(2)),  # of few: half as much again as the highest
        ([1.0, 2.0] + [1.0] * 27, 1.5 * math.log(2)),
        ([1.0, 1.01] * 4, math.log(1.3)),  # 0.3 nats on 1
        ([1e-4] * 9, math.log(1 + 0.3 / 1e-3)),
    ],
)
def test_the_healthy_limit_by_hand(before: list[float], limit: float) -> None:
    assert healthy_limit(before) == pytest.approx(limit)


def test_the_healthy_limit_of_many_is_where_their_tail_ends() -> None:
    """Excesses of log 2, 3 and 4 among thirty: an exponential tail over their nine tenths, once in a hundred runs."""
    before = [1.0] * 30
    before[8], before[16], before[24] = 2.0, 3.0, 4.0
    low, high = np.quantile([0.0] * 27 + [math.log(2), math.log(3), math.log(4)], 0.9), 0.0
    beyond = np.array([one for one in (math.log(2), math.log(3), math.log(4)) if one > low]) - low
    high = low + 1.5 * float(np.median(beyond)) / math.log(2) * math.log(0.1 * 30 * 100)
    # And no higher than where a tail ends whose highest of thirty is as high as here.
    highest = math.log(4) * (1 + 1.5 * math.log(100) / math.log(30))
    assert highest < high
    assert healthy_limit(before) == pytest.approx(highest, abs=1e-6)
    many = [*before, *[1.0] * 3000]  # one in three thousand: its tail is empty
    assert healthy_limit(many) == pytest.approx(math.log(4) * (1 + 1.5 * math.log(100) / math.log(3030)), abs=1e-6)


def test_a_limit_is_passed_above_it_and_healed_at_it() -> None:
    """Points a factor of two apart have an excess of exactly so much, whatever the logarithm's last bit."""
    two = float(np.log(np.array([2.0]))[0])
    assert not severity(range(10), [*LEVEL, 2.0], two).spiked
    found = severity(range(12), [*LEVEL, 4.0, 2.0, 4.0], two)  # healed in between: two spikes of a step each
    assert (found.onset, found.peak) == (9, pytest.approx(2 * two))
    assert found.area == pytest.approx(two + two)


def test_the_last_peak_is_its_own_and_the_worst_is_that_above_its_own_limit() -> None:
    """A second spike against a noisier level has a higher limit: it is higher, and less of it is more than healthy."""
    noisy = [1.0, 1.3, 0.9, 1.2, 1.0, 1.35, 0.95, 1.25, 1.05, 1.3] * 7
    loss = [1.0] * 20 + [8.0] + [1.0] * 9 + noisy + [12.0] + [1.0] * 3
    found = severity(range(len(loss)), loss, 0.5)
    assert (found.onset, found.limit) == (20, 0.5)
    assert found.peak == pytest.approx(math.log(8))


def test_without_a_spike_the_nearest_is_told_with_its_limit_and_none_is_above() -> None:
    found = severity([3], [2.0], 0.25)
    assert (found.peak, found.area, found.onset, found.limit, found.above) == (0.0, 0.0, None, pytest.approx(0.25), 0.0)
    assert Severity(2.0, 0.0, None, 0.5).above == 0.0
    assert Severity(0.25, 0.0, 7, 0.5).above == 0.0


def test_a_loss_that_is_high_from_its_first_point_on_has_risen() -> None:
    """A change that reads batches of four times the loss from where it begins: it did not take the spike away."""
    before = [1.0, 1.02, 0.98, 1.01, 0.99] * 10
    found = severity(range(51, 61), [4.0] * 10, 0.5, before, smoothed=True)
    assert found.onset == 51
    assert found.peak == pytest.approx(math.log(4), abs=0.03)
    assert not severity(range(51, 61), [1.0] * 10, 0.5, before, smoothed=True).spiked
    assert not severity(range(51, 61), [4.0] * 10, 0.5).spiked, "nothing is known of what was before"
