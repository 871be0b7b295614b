"""How many repeats chance would give a series of printed numbers."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.frozen_values import _by_chance, _stretches, _unit, detect_frozen_values
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace


def by_chance(value: np.ndarray, start: int, end: int, unit: float, *, is_coarse: bool = False) -> float:
    return _by_chance(value, (start, end), unit, is_coarse=is_coarse)


def test_of_few_digits_the_changes_beside_the_repeats_count_too() -> None:
    value = np.cumsum(np.array([0.0, *[0.04] * 8, 0.01, 0, 0, 0, *[0.04] * 8]))
    fine, coarse = (by_chance(value, 9, 12, 0.01, is_coarse=one) for one in (False, True))
    assert (fine, coarse) == (pytest.approx(len(value) * 0.5**3), pytest.approx(len(value)))


@pytest.mark.parametrize(("decimals", "level", "count"), [(2, 0.09, 0), (2, 0.11, 1), (4, 0.09, 1)])
def test_of_what_is_printed_with_one_digit_equal_numbers_say_nothing(decimals: int, level: float, count: int) -> None:
    value = np.r_[np.linspace(2, 0.5, 10), [level] * 8, np.linspace(0.4, 0.3, 5)]
    trace = Trace({"loss": Series(np.arange(23), value)}, decimals={"loss": decimals})
    assert len(detect_frozen_values(trace, Facts())) == count


def test_runs_of_equal_neighbours() -> None:
    assert _stretches(np.array([1.0, 2, 2, 2, 3, 4, 4, 5])) == [(1, 3), (5, 6)]
    assert _stretches(np.array([1.0, 1])) == [(0, 1)]
    assert _stretches(np.array([1.0, 2, 3])) == []


def test_the_unit_is_the_last_decimal_that_is_printed() -> None:
    assert _unit(np.array([1.25, 3.5]), None) == 0.01
    assert _unit(np.array([1.0, 3.0]), None) == 1.0
    assert _unit(np.array([1.25, 3.5]), 4) == 1e-4
    assert _unit(np.array([1 / 3, 2 / 3]), None) == pytest.approx(0.5 * 2.0**-23)


def test_a_repeat_is_as_likely_as_the_unit_by_half_of_the_usual_change() -> None:
    value = np.cumsum(np.array([0.0, *[0.04] * 10, 0, 0, 0, *[0.04] * 10]))
    assert by_chance(value, 10, 13, 0.01) == pytest.approx(len(value) * 0.5**3)
    assert by_chance(value, 10, 13, 0.05) == pytest.approx(len(value))  # no change is smaller than what is printed


def test_what_stands_still_beside_it_does_not_make_a_repeat_likelier() -> None:
    steps = np.array([0.0, *[0, 0, 0.04] * 5, 0, 0, 0, 0, *[0.04, 0, 0] * 5])
    value = np.cumsum(steps)
    assert by_chance(value, 15, 19, 0.01) == pytest.approx(len(value) * 0.5**4)


def test_what_never_moved_is_frozen_where_it_is_long_enough() -> None:
    still = np.ones(10)
    assert by_chance(still, 0, 4, 0.01) == 0.0
    assert by_chance(still, 0, 3, 0.01) == 1.0
    assert [by_chance(np.array([1.0, *[2.0] * count]), 1, count, 0.01) for count in (4, 5)] == [1.0, 0.0]


def test_the_usual_change_is_that_of_five_on_each_side_or_of_what_moved_before() -> None:
    def chance(*parts: tuple[int, float]) -> float:
        """Return what is expected of the last stretch of zeros but the parts behind it."""
        steps = np.concatenate([np.full(count, change) for count, change in parts])
        end = len(steps) - (parts[-1][0] if parts[-1][1] else 0)
        return by_chance(np.cumsum(np.r_[0.0, steps]), end - 4, end, 0.01) / (1 + len(steps))

    assert chance((6, 0.04), (4, 0.0)) == pytest.approx(0.5**4)
    assert chance((4, 0.4), (5, 0.04), (4, 0.0)) == pytest.approx(0.5**4)  # before that is too far back
    assert chance((5, 0.08), (4, 0.0), (6, 0.04)) == pytest.approx((1 / 3) ** 4)  # half of them before, half behind
    assert chance((6, 0.04), (6, 0.0), (1, 0.4), (4, 0.0)) == pytest.approx(0.5**4)  # too few near: any before
    assert chance((2, 0.04), (4, 0.0), (1, 0.04)) == pytest.approx(0.5**4)  # three are enough


def test_a_hinge_loss_that_has_come_down_to_nothing_repeats_no_value_by_mistake() -> None:
    chance = np.random.default_rng(3)
    loss = np.maximum(0.0, np.exp(-np.arange(200) / 15) + 0.01 * chance.normal(size=200))
    assert (loss == 0).sum() > 20
    assert detect_frozen_values(Trace(signals={"loss": Series(np.arange(200), loss)}), Facts()) == []
    sudden = loss.copy()
    sudden[8:] = 0.0  # from 0.6 at once: nothing was learnt
    (found,) = detect_frozen_values(Trace(signals={"loss": Series(np.arange(200), sudden)}), Facts())
    assert found.kind == "repeated-loss"


def test_values_on_a_grid_are_equal_by_chance_more_often() -> None:
    chance = np.random.default_rng(0)
    grid = 1 / 160  # means of ten numbers that bfloat16 rounded to sixteenths
    value = (10 + grid * np.cumsum(chance.integers(-40, 41, 80))).astype(np.float32).astype(np.float64)
    assert _unit(value, None) == pytest.approx(grid, rel=1e-3)
    assert _unit(value + chance.normal(0, 1e-3, 80), None) < 2e-6
    printed = np.round(2 - np.linspace(0, 0.3, 400) + chance.normal(0, 0.01, 400), 4).astype(np.float32)
    assert _unit(printed.astype(np.float64), None) == pytest.approx(1e-4, rel=1e-3)  # rounded, then kept as float32
    assert _unit(np.linspace(1, 2, 50) + 1e-9, None) < 2e-6  # a straight line is on a grid too
    value[40] = value[39]
    steps = np.arange(1, 81)
    assert not detect_frozen_values(Trace({"validation_loss": Series(steps, value)}), Facts())
    value += chance.normal(0, 1e-3, 80)
    value[40] = value[39]
    assert detect_frozen_values(Trace({"validation_loss": Series(steps, value)}), Facts())


@pytest.mark.parametrize(
    ("name", "times", "severity"),
    [
        ("loss", 2, "note"), ("loss", 9, "note"), ("loss", 10, "fault"),
        ("validation_loss", 2, "warning"), ("validation_loss", 4, "fault"),
    ],
)  # fmt: skip
def test_a_few_training_losses_that_are_equal_are_a_note(name: str, times: int, severity: str) -> None:
    value = 3 + np.random.default_rng(1).normal(0, 0.1, 80)
    value[30 : 30 + times] = value[30]
    (found,) = detect_frozen_values(Trace({name: Series(np.arange(1, 81), value)}), Facts())
    assert found.severity == severity


@pytest.mark.parametrize(("moved", "severity"), [(0, "warning"), (19, "warning"), (20, "note")])
def test_an_optimizer_that_rests_while_the_weights_move_is_not_the_one_that_trains(moved: int, severity: str) -> None:
    steps, loss = np.arange(1, 101), 1 / np.arange(1, 101)
    signals = {"loss": Series(steps, loss), "update_skipped": Series(steps[60:], np.ones(40))}
    if moved:
        signals["weights_moved"] = Series(steps[60 : 60 + moved], np.ones(moved))
    (found,) = [one for one in detect_frozen_values(Trace(signals), Facts()) if one.kind == "skipped-updates"]
    assert found.severity == severity
    assert ("something else updates them" in str(found.sentence)) is (severity == "note")


def whole_batch(gradient: float, floor: float = 0.2, repeated: float = 1.0) -> list[str]:
    """What is found of one batch whose loss comes to rest to its last digit."""
    steps = np.arange(1, 61)
    loss = floor + 1.5 * np.exp(-np.minimum(steps, 20) / 2)
    norm = np.where(steps > 20, gradient, np.exp(-steps / 4))
    rows = Series(steps[1:], np.full(59, repeated))
    signals = {"loss": Series(steps, loss), "gradient_norm": Series(steps, norm), "rows_repeated": rows}
    return [one.kind for one in detect_frozen_values(Trace(signals), Facts())]


def test_a_whole_batch_that_is_learnt_is_at_rest() -> None:
    assert whole_batch(1e-6) == []
    for wrong in (whole_batch(0.0), whole_batch(0.1), whole_batch(1e-6, repeated=0.5)):
        assert wrong == ["repeated-loss"]


def test_a_loss_of_next_to_nothing_has_no_lower_to_go() -> None:
    loss = np.maximum(1.6 * 10.0 ** -np.arange(30.0), 1.15e-7)
    assert detect_frozen_values(Trace({"loss": Series(np.arange(30), loss)}), Facts()) == []
    assert detect_frozen_values(Trace({"loss": Series(np.arange(30), np.maximum(loss, 1e-3))}), Facts())


def test_a_constant_of_few_digits_is_a_loss_that_moves_less_than_they_show() -> None:
    for level, decimals, count in ((0.017, 4, 0), (0.6931, 4, 1)):
        trace = Trace({"loss": Series(np.arange(8), np.full(8, level))}, decimals={"loss": decimals})
        assert len(detect_frozen_values(trace, Facts())) == count


@pytest.mark.parametrize(("equal", "is_told"), [(4, False), (25, True)])
def test_an_area_under_a_curve_of_few_pairs_is_often_equal(equal: int, is_told: bool) -> None:
    """It moves by whole pairs, by three of them usually: four equal values among 400 are chance."""
    draw = np.random.default_rng(2)
    moves = draw.integers(-7, 8, 400) * (draw.random(400) < 0.9)
    moves[190:215] = [3, -2, 5, -6, 2] * 5
    moves[200 : 200 + equal - 1] = 0
    value = 0.05 + np.abs(np.cumsum(moves)) / 118**2
    loss = 2 + 0.1 * draw.standard_normal(400)
    trace = Trace({"loss": Series(np.arange(400.0), loss), "validation_loss": Series(np.arange(400.0), value)})
    assert ("stale-evaluation" in {one.kind for one in detect_frozen_values(trace, Facts())}) is is_told
