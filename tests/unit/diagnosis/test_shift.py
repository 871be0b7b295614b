"""Where one signal changed within a few steps: found where it is planted, and not where a signal drifts or scatters."""

import numpy as np
import pytest

from newllm.diagnosis.shift import jump_within, shift_within
from newllm.trace import Series

COUNT, AT = 300, 200
STEP = np.arange(1, COUNT + 1)
SINCE, UNTIL = AT - 2.0, float(AT)


def draw(seed: int = 0, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count)


def then(before: np.ndarray | float, after: np.ndarray | float, until: int = COUNT) -> np.ndarray:
    return np.where((STEP >= AT) & (until >= STEP), after, before)


def test_a_setting_that_jumps_is_found_at_its_step() -> None:
    found = shift_within(Series(STEP, then(0.01, 10.0)), SINCE, UNTIL)
    assert found is not None
    assert (found.step, found.after, found.before, found.value, found.last) == (AT, AT - 1, 0.01, 10.0, None)


def test_a_setting_that_goes_back_says_until_when() -> None:
    found = shift_within(Series(STEP, then(32.0, 2.0, until=AT + 4)), SINCE, UNTIL)
    assert found is not None
    assert found.last == AT + 4


def test_a_setting_that_had_jumped_before_is_no_change() -> None:
    value = np.where(STEP % 50 == 0, 2.0, 32.0)  # the last batch of each epoch
    assert shift_within(Series(STEP, value), SINCE, UNTIL) is None
    assert shift_within(Series(STEP, value), 48.0, 50.0) is not None  # at the end of the first one nobody knows


def test_a_setting_hardly_moved_is_no_change() -> None:
    assert shift_within(Series(STEP, then(1.0, 1.05)), SINCE, UNTIL) is None


@pytest.mark.parametrize("size", [4.0, -4.0, 40.0])
def test_a_level_that_shifts_is_found_at_its_step(size: float) -> None:
    found = shift_within(Series(STEP, draw() + then(0.0, size)), SINCE, UNTIL)
    assert found is not None
    assert abs(found.step - AT) <= 1
    assert abs(found.value - found.before - size) < 1
    assert found.last is None


def test_one_value_far_off_is_found_alone() -> None:
    found = shift_within(Series(STEP, draw() + then(0.0, 40.0, until=AT)), SINCE, UNTIL)
    assert found is not None
    assert (found.step, found.last) == (AT, AT)


def test_of_a_sampled_signal_a_change_lies_between_two_samples() -> None:
    sampled = STEP[9::10]
    value = (draw() + then(0.0, 20.0))[9::10]
    found = shift_within(Series(sampled, value), AT - 5.0, AT - 3.0)
    assert found is not None
    assert (found.after, found.step) == (AT - 10, AT)
    assert shift_within(Series(sampled, value), AT + 1.0, AT + 3.0) is None


LIKE_BEFORE = {
    "drifts": lambda seed: STEP / 10 + draw(seed),
    "cycles": lambda seed: 5 * np.sin(STEP / 5) + draw(seed),
    "walks": lambda seed: np.cumsum(draw(seed)),
    "scatters": draw,
    "scatters with heavy tails": lambda seed: np.random.default_rng(seed).standard_t(2, size=COUNT),
    "scatters in shares": lambda seed: np.random.default_rng(seed).binomial(32, 0.1, size=COUNT) / 32,
    "is other in every epoch": lambda seed: (STEP % 50 == 0) * 40.0 + draw(seed),
    "falls as it learns": lambda seed: 5 * np.exp(-STEP / 100) + 0.1 * draw(seed),
}


@pytest.mark.parametrize("how", LIKE_BEFORE)
def test_what_goes_on_as_before_is_no_change(how: str) -> None:
    found = [shift_within(Series(STEP, LIKE_BEFORE[how](seed)), SINCE, UNTIL) for seed in range(200)]
    assert sum(one is not None for one in found) <= 4  # of 200


def test_a_schedule_that_jumps_is_found_beside_its_slope() -> None:
    value = 1e-3 * (1 + np.cos(STEP / COUNT * np.pi)) / 2
    found = jump_within(Series(STEP, np.where(STEP >= AT, 10 * value, value)), SINCE, UNTIL)
    assert found is not None
    assert found.step == AT
    assert jump_within(Series(STEP, value), SINCE, UNTIL) is None


def test_too_few_points_say_nothing() -> None:
    for count in range(6):
        assert shift_within(Series(STEP[:count], np.arange(count) % 2 * 100.0), 0.0, 10.0) is None or count > 3
    assert shift_within(Series(STEP, np.full(COUNT, np.nan)), SINCE, UNTIL) is None


@pytest.mark.parametrize("value", [1e300, 1e-300, -1e300])
def test_numbers_of_any_size_are_no_error(value: float) -> None:
    with np.errstate(all="ignore"):
        shift_within(Series(STEP, then(draw(), value)), SINCE, UNTIL)


@pytest.mark.parametrize("first", [10, 15, 30])
def test_of_few_points_before_chance_is_no_change(first: int) -> None:
    found = [shift_within(Series(STEP, draw(seed)), first - 2.0, first) for seed in range(400)]
    assert sum(one is not None for one in found) <= 8  # of 400


def test_of_what_scatters_far_a_shift_is_told_by_more_points() -> None:
    """Batches in the same order at each epoch of 400, and from the fourth epoch on other data."""
    step = np.arange(1, 1701)
    epoch = np.random.default_rng(3).normal(size=400)
    value = np.where(step > 1200, 0.7 + draw(1, 1700), np.tile(epoch, 5)[: len(step)])
    found = shift_within(Series(step, value), 1198, 1204)
    assert found is not None
    assert abs(found.value - found.before - 0.7) < 0.3
    assert 1198 < found.step <= 1204
    assert shift_within(Series(step, value), 798, 804) is None  # an epoch that begins anew
