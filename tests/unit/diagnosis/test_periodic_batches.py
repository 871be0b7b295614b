"""Every k-th batch is bad; and data that are read in an order, epoch after epoch."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.detectors.order import detect_order
from newllm.diagnosis.detectors.periodic import detect_periodic_batches
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace

NOISE = 0.05


def noisy(points: int) -> np.ndarray:
    return np.exp(NOISE * np.random.default_rng(1).normal(size=points)) * (2 + np.exp(-np.arange(points) / 50))


def every(period: int, height: float = 8.0, points: int = 400, misses: tuple[int, ...] = ()) -> np.ndarray:
    """Return a loss with every so many points so many standard deviations higher, but for some of ten of them."""
    loss = noisy(points)
    hits = np.arange(2, points, period)
    loss[hits[~np.isin(np.arange(len(hits)) % 10, misses)]] *= np.exp(height * NOISE)
    return loss


def periodic(loss: np.ndarray, step: np.ndarray | None = None, axis: str = "step") -> list[Finding]:
    place = np.arange(1, len(loss) + 1) if step is None else step
    return detect_periodic_batches(Trace({"loss": Series(place, loss)}, axis), Facts())


@pytest.mark.parametrize("period", [3, 8, 13, 40])
def test_a_loss_that_is_high_at_every_kth_point_is_found(period: int) -> None:
    (found,) = periodic(every(period))
    assert (found.evidence["period"], found.first_step) == (period, 3)
    assert found.evidence["times"] == len(range(2, 400, period))
    assert found.candidate_causes[0] == "periodic-batch"


@pytest.mark.parametrize(("hardest", "count"), [(3.0, 0), (20.0, 1)])
def test_one_of_the_batches_of_a_fixed_order_is_the_hardest_and_one_that_is_far_off_is_bad(
    hardest: float, count: int
) -> None:
    each = np.random.default_rng(3).normal(size=40)  # how hard each batch of an epoch is
    each[17] = hardest
    loss = np.exp(0.1 * np.tile(each, 15)) * (1 + np.exp(-np.arange(600) / 80))
    loss *= np.exp(0.01 * np.random.default_rng(4).normal(size=600))
    assert len(periodic(loss)) == count


def test_of_a_log_of_every_fifth_step_the_period_is_in_steps() -> None:
    (found,) = periodic(every(8), 5 * np.arange(400))
    assert found.evidence["period"] == 40


@pytest.mark.parametrize(
    ("loss", "is_found"),
    [
        (every(8, 4.8), True),
        (every(8, 3.2), False),
        (every(50, points=403), True),
        (every(50, points=353), False),  # seven of them
        (every(64, points=640), True),
        (every(65, points=640), False),
        (every(8, points=160, misses=(9,)), True),
        (every(8, points=160, misses=(1, 3, 6, 8)), False),  # what comes by chance misses some
        (noisy(400), False),
        (every(100, points=700), False),  # the beginning of each epoch
        (np.full(400, 2.0), False),
        (every(3, 30.0, points=24), True),
        (every(3, 30.0, points=23), False),
    ],
)
def test_it_has_to_be_high_by_four_deviations_nearly_each_time(loss: np.ndarray, is_found: bool) -> None:
    assert bool(periodic(loss)) is is_found


def test_few_high_points_have_to_be_surer() -> None:
    assert [bool(periodic(every(40, height))) for height in (4.4, 6.0)] == [False, True]  # ten of them


def test_neither_an_uneven_log_nor_one_of_epochs_has_a_period() -> None:
    loss = every(8)
    assert not periodic(loss, axis="epoch")
    uneven = np.cumsum(np.where(np.arange(400) % 10 == 9, 1 + np.arange(400), 1))
    assert not periodic(loss, uneven)


@pytest.mark.parametrize("seed", range(20))
def test_no_period_is_found_in_noise(seed: int) -> None:
    assert not periodic(np.exp(0.1 * np.random.default_rng(seed).standard_t(4, size=500)))


# Data in an order.

IN_EPOCH = 20


def in_epochs(profile: np.ndarray, epochs: int = 5, noise: float = 0.01, fractions: bool = False) -> Trace:
    """Return a loss with the same profile in each epoch."""
    count = len(profile) * epochs
    loss = np.exp(
        np.tile(profile, epochs) + noise * np.random.default_rng(2).normal(size=count) - np.arange(count) / 200
    )
    step = np.arange(count)
    epoch = step / len(profile) if fractions else step // len(profile)
    return Trace({"loss": Series(step, loss)}, epochs=Series(step, epoch.astype(float)))


def wave(points: int = IN_EPOCH) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * np.arange(points) / points)


def ordered(trace: Trace) -> list[Finding]:
    return detect_order(trace, Facts())


@pytest.mark.parametrize("fractions", [False, True])
def test_the_same_rise_and_fall_in_each_epoch_is_an_order(fractions: bool) -> None:
    (found,) = ordered(in_epochs(wave(), fractions=fractions))
    assert found.candidate_causes == ("data-order",)
    assert min(found.evidence["alike"], found.evidence["neighbours"]) > 0.9


def test_shuffled_batches_in_the_same_order_scatter_and_are_harmless() -> None:
    scatter = np.random.default_rng(0).permutation(wave())
    assert not ordered(in_epochs(scatter))
    assert not ordered(in_epochs(np.repeat(scatter[::2], 2)))  # each like one of its neighbours


def test_a_wave_that_does_not_come_again_is_no_order() -> None:
    step = np.arange(100)
    loss = np.exp(0.3 * np.sin(2 * np.pi * step / 24) - step / 200)
    epochs = Series(step, (step // IN_EPOCH).astype(float))
    assert not ordered(Trace({"loss": Series(step, loss)}, epochs=epochs))


@pytest.mark.parametrize(
    ("trace", "is_found"),
    [
        (in_epochs(wave(15)), True),
        (in_epochs(wave(14)), False),
        (in_epochs(wave(), 3), True),
        (in_epochs(wave(), 1), False),
        (in_epochs(wave(), noise=0.12), True),
        (in_epochs(wave(), noise=0.3), False),
        (in_epochs(0 * wave()), False),
    ],
)
def test_an_order_has_to_stand_above_the_noise(trace: Trace, is_found: bool) -> None:
    assert bool(ordered(trace)) is is_found


def test_without_epochs_there_is_no_place_in_them() -> None:
    assert not ordered(Trace(in_epochs(wave()).signals))


def batches(right: int, wrong: int, mixed: int = 0, loss: float = 1.0, scale: float = 1.0) -> Trace:
    accuracy = np.concatenate([np.ones(right), np.zeros(wrong), np.full(mixed, 0.5)])
    step = np.arange(len(accuracy))
    return Trace({"accuracy": Series(step, scale * accuracy), "loss": Series(step, np.full(len(step), loss))})


@pytest.mark.parametrize(
    ("trace", "is_found"),
    [
        (batches(20, 20), True),
        (batches(20, 20, scale=100.0), True),
        (batches(18, 18, 4), True),
        (batches(18, 17, 5), False),
        (batches(10, 10), True),
        (batches(10, 9), False),
        (batches(37, 3), True),
        (batches(38, 2), False),  # a model that is right everywhere
        (batches(3, 37), True),
        (batches(2, 38), False),
        (batches(20, 20, loss=0.11), True),
        (batches(20, 20, loss=0.09), False),
    ],
)
def test_batches_that_are_all_right_or_all_wrong_are_of_one_class_each(trace: Trace, is_found: bool) -> None:
    found = ordered(trace)
    assert bool(found) is is_found
    assert all(one.signal == "accuracy" for one in found)


@pytest.mark.parametrize("epoch", [1e12, -1e12, np.nan, 0.0])
def test_a_damaged_epoch_makes_nothing_that_large(epoch: float) -> None:
    trace = in_epochs(wave(), fractions=True)
    assert trace.epochs is not None
    damaged = trace.epochs.value.copy()
    damaged[50] = epoch
    assert len(ordered(Trace(dict(trace.signals), epochs=Series(trace.epochs.step, damaged)))) in {0, 1}


@pytest.mark.parametrize(
    ("high", "origin", "severity"), [(0, None, "note"), (3, None, "warning"), (0, "record", "warning")]
)
def test_the_first_number_of_each_epoch_of_a_log_may_be_of_one_batch_more(
    high: int, origin: Any, severity: str
) -> None:
    # As `total / interval` is printed at `batch > 0 and batch % interval == 0`: six batches, divided by five.
    steps, chance = np.arange(1, 121), np.random.default_rng(4)
    loss = (2 + np.exp(-steps / 40) + chance.normal(0, 0.02, 120)) * np.where((steps - 1) % 4 == high, 1.2, 1)
    trace = Trace({"loss": Series(steps, loss)}, epochs=Series(steps, (steps - 1.0) // 4 + 1))
    (found,) = detect_periodic_batches(trace, Facts(origin=origin))
    assert (found.severity, found.evidence["period"]) == (severity, 4)
