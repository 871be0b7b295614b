"""A schedule that does not fit its run: at zero, in its warm-up to the end, or stepped beyond its end."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.learning_rate import detect_rate_zero, detect_turned_schedule, detect_warm_up
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue
from newllm.trace import Finding, Series, Trace


def trace_of(**signals: np.ndarray) -> Trace:
    return Trace({name: Series(np.arange(1, len(value) + 1), value) for name, value in signals.items()})


# A rate of nothing.


def zero_from(step: int, value: float = 0.0, before: float = 1.0, points: int = 101) -> np.ndarray:
    rate = np.where(np.arange(1, points + 1) < step, 1.0, value)
    rate[step - 2] = before
    return rate


def at_zero(rate: np.ndarray, **more: np.ndarray) -> list[Finding]:
    return detect_rate_zero(trace_of(learning_rate=rate, **more), Facts())


@pytest.mark.parametrize(
    ("rate", "is_found"),
    [
        (zero_from(50), True),
        (zero_from(91), True),
        (zero_from(92), False),  # less than a tenth of the run: a schedule may end at zero
        (zero_from(50, 1e-5), True),
        (zero_from(67, 1.1e-5), True),
        (zero_from(68, 1.1e-5), False),
        (zero_from(5, points=10), True),
        (zero_from(5, points=9), False),
        (np.where(np.arange(101) == 100, 1.0, zero_from(50)), False),  # it comes back
        (np.full(101, 1e-4), False),
    ],
)
def test_a_rate_of_nothing_over_a_tenth_of_the_run_is_found(rate: np.ndarray, is_found: bool) -> None:
    assert bool(at_zero(rate)) is is_found


@pytest.mark.parametrize(("before", "gradual"), [(0.09, True), (0.11, False)])
def test_a_rate_that_came_to_nothing_little_by_little_is_an_ended_schedule(before: float, gradual: bool) -> None:
    (found,) = at_zero(zero_from(50, before=before))
    assert (found.evidence["gradual"], found.first_step, found.last_step) == (gradual, 50, 101)
    assert found.candidate_causes == (("schedule-ended",) if gradual else ()) + ("learning-rate-zero",)


def stairs(factor: float, every: int = 10, first: int = 11, points: int = 121) -> np.ndarray:
    """Return a rate that is cut at the first step and at equal distances behind it."""
    steps = np.arange(1, points + 1)
    return 0.01 * factor ** np.clip((steps - first) // every + 1, 0, None)


def test_a_rate_that_one_factor_cuts_away_is_dated_by_its_first_cut() -> None:
    (found,) = at_zero(stairs(0.25))
    assert (found.first_step, found.last_step, found.evidence["nothing_from"]) == (11, 121, 91)
    assert catalogue("en").text(found.sentence) == (
        "the learning rate is cut to 0.25 of itself every 10 steps from step 11 on, 12 times: from step 51 to 121, 58 "
        "% of the run, it is below a thousandth of its highest (0.01), and hardly a weight moves"
    )


@pytest.mark.parametrize(
    "rate",
    [
        np.r_[stairs(0.1, 40)[:100], np.full(21, 1e-8)],  # three cuts
        np.where(np.arange(121) == 15, 0.0026, stairs(0.25)),  # it moves between them
        0.01 * 0.1 ** np.searchsorted([11, 21, 31, 61, 71, 81], np.arange(121), "right"),  # not at equal distances
        np.where(np.arange(121) < 50, stairs(0.25), 1e-8),  # the last one is another
        0.01 * 0.8 ** np.arange(121),  # a decay
    ],
)
def test_other_ends_of_a_rate_are_dated_where_nothing_is_left(rate: np.ndarray) -> None:
    (found,) = at_zero(rate)
    assert found.first_step == np.flatnonzero(rate > 1e-7)[-1] + 2


@pytest.mark.parametrize(
    ("rate", "loss", "is_found"),
    [
        (zero_from(67, 0.9e-3), 1.0, True),
        (zero_from(67, 1.1e-3), 1.0, False),
        (zero_from(70, 0.9e-3), 1.0, False),  # less than a third of the run
        (zero_from(67, 0.9e-3), 0.5, False),  # the loss goes on falling
    ],
)
def test_a_rate_of_next_to_nothing_over_a_third_of_the_run_is_found(
    rate: np.ndarray, loss: float, is_found: bool
) -> None:
    found = at_zero(rate, loss=np.r_[np.full(67, 1.0), np.geomspace(1.0, loss, 34)])
    assert bool(found) is is_found
    assert all("below a thousandth of its highest" in str(one.sentence) for one in found)


@pytest.mark.parametrize(("digits", "is_found"), [(4, False), (6, True)])
def test_a_zero_that_is_printed_of_a_small_rate_is_none(digits: int, is_found: bool) -> None:
    trace = trace_of(learning_rate=np.round(3e-4 * np.clip(np.linspace(1, -0.2, 101), 0, 1), digits))
    trace.decimals["learning_rate"] = digits
    assert bool(detect_rate_zero(trace, Facts())) is is_found


def test_a_rate_that_never_was_is_found_in_the_whole_run() -> None:
    (found,) = at_zero(np.zeros(101))
    assert (found.first_step, found.evidence["highest"]) == (1, 0)
    assert "zero in the whole run" in str(found.sentence)


@pytest.mark.parametrize(("fall", "severity"), [(0.0, "warning"), (0.02, "warning"), (0.05, "note")])
def test_a_loss_that_goes_on_falling_is_of_another_group_of_weights(fall: float, severity: str) -> None:
    loss = 2 * np.exp(-fall * (np.arange(101) > 75))
    (found,) = at_zero(zero_from(50), loss=loss)
    assert found.severity == severity


def test_a_rate_that_is_below_zero_all_the_time_is_a_fault() -> None:
    (found,) = at_zero(np.full(101, -1e-3))
    assert (found.severity, found.first_step, found.last_step) == ("fault", 1, 101)
    assert found.evidence == {"highest": -1e-3, "below_zero": True}


# A warm-up that goes on to the end.


def in_warm_up(rate: np.ndarray, fall: float = 0.1) -> list[Finding]:
    loss = np.where(np.arange(len(rate)) < len(rate) // 2, 5.0, 5.0 * (1 - fall))
    return detect_warm_up(trace_of(learning_rate=rate, loss=loss), Facts())


def stair(points: int, steps: int = 20) -> np.ndarray:
    return np.repeat(np.arange(1.0, steps + 1), points)


RISES = np.linspace(0.01, 1, 100)


@pytest.mark.parametrize(
    ("rate", "fall", "is_found"),
    [
        (RISES, 0.19, True),
        (RISES, 0.21, False),  # it trains: the log of a run that goes on may end within its warm-up
        (np.linspace(1, 2.01, 100), 0.1, True),
        (np.linspace(1, 1.99, 100), 0.1, False),
        (RISES[:20], 0.1, True),
        (RISES[:19], 0.1, False),
        (np.minimum(RISES, 0.8), 0.1, False),  # it has come to its end
        (np.append(RISES[:-1], 0.9), 0.1, False),  # it falls again
        (RISES**3, 0.1, False),  # no warm-up is curved
        (stair(5), 0.5, True),
        (stair(4), 0.5, False),
        (np.append(stair(5)[:50], np.full(60, 10.0)), 0.5, False),  # at its end by half of the run
    ],
)
def test_a_warm_up_to_the_last_point_is_found(rate: np.ndarray, fall: float, is_found: bool) -> None:
    assert bool(in_warm_up(rate, fall)) is is_found


def test_a_stair_says_how_seldom_it_moves() -> None:
    (found,) = in_warm_up(stair(7), 0.5)
    assert found.evidence["stair"]
    assert "once every 7 steps" in str(found.sentence)
    (found,) = in_warm_up(RISES)
    assert not found.evidence["stair"]
    assert "the loss has fallen by 10 %" in str(found.sentence)


# A schedule that is stepped beyond its end.


def cosine(turns: float, low: float = 0.0, points: int = 200) -> np.ndarray:
    return low + (1 - low) * (1 + np.cos(np.pi * np.linspace(0, turns, points))) / 2


def turned(rate: np.ndarray) -> list[Finding]:
    return detect_turned_schedule(trace_of(learning_rate=rate), Facts())


BACK = 2 - np.arccos(2 * 0.8 - 1) / np.pi  # where a cosine is back at 0.8


@pytest.mark.parametrize(
    ("rate", "is_found"),
    [
        (cosine(2), True),
        (cosine(4), True),
        (cosine(BACK + 0.01), True),
        (cosine(BACK - 0.01), False),
        (cosine(2, low=0.09), True),
        (cosine(2, low=0.11), False),
        (cosine(2, points=20), True),
        (cosine(2, points=19), False),
        (cosine(1), False),  # as it should end
        (np.tile(cosine(1, points=100), 2), False),  # planned restarts jump
        (np.concatenate([cosine(1, points=100), np.linspace(0.04, 1, 18), np.ones(82)]), False),  # or warm up quickly
        (np.concatenate([cosine(1, points=100), np.linspace(0.02, 1, 60), np.ones(40)]), True),
        (np.concatenate([np.ones(100), np.linspace(0.05, 1, 20), np.ones(80)]), False),  # it falls at once
        (np.concatenate([np.linspace(0, 1, 50), cosine(2)]), False),  # a planned cycle begins with a rise
        (np.concatenate([np.linspace(0, 1, 20), cosine(2)]), True),
    ],
)
def test_a_rate_that_rises_again_as_smoothly_as_it_fell_is_found(rate: np.ndarray, is_found: bool) -> None:
    assert bool(turned(rate)) is is_found


def test_a_turned_schedule_says_where_it_turned() -> None:
    (found,) = turned(cosine(2, points=201))
    assert (found.first_step, found.last_step, found.candidate_causes) == (101, 201, ("schedule-ended",))


@pytest.mark.parametrize(
    ("low", "end", "is_found"),
    [
        (0.11, 0.03, True),
        (0.11, 0.009, False),  # a planned restart, which comes to more
        (0.02, 0.03, False),  # the schedule was over
        (0.3, 0.009, True),
    ],
)
def test_a_warm_up_once_more_where_the_rate_was_low(low: float, end: float, is_found: bool) -> None:
    once = np.r_[np.linspace(0.001, 0.04, 40), np.linspace(0.04, low * 0.04, 440)]
    rate = np.r_[once, once[:120]]
    loss = np.r_[np.linspace(0.6, 0.01, 300), np.full(180, 0.01), np.linspace(0.01, end, 60), np.full(60, end)]
    kinds = [one.kind for one in diagnose(trace_of(loss=loss, learning_rate=rate)) if one.severity != "note"]
    assert ("learning-rate-jump" in kinds) is is_found


@pytest.mark.parametrize(("skipped", "is_found"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_schedule_that_was_built_anew_may_leave_out_its_first_points(skipped: int, is_found: bool) -> None:
    once = np.r_[np.linspace(0.005, 0.2, 40), np.linspace(0.2, 0.033, 560)]
    rate = np.r_[once, once[skipped : skipped + 200]]
    loss = np.r_[np.linspace(2, 0.3, 600), np.linspace(0.3, 0.7, 50), np.full(150, 0.7)]
    kinds = [one.kind for one in diagnose(trace_of(loss=loss, learning_rate=rate)) if one.severity != "note"]
    assert ("learning-rate-jump" in kinds) is is_found


# A rate that is lower for a while.


CONSTANT, COSINE = np.full(600, 1e-3), 5e-4 * (1 + np.cos(np.pi * np.arange(600) / 600))


def lowered(rate: np.ndarray, factor: float, *spans: tuple[int, int]) -> np.ndarray:
    rate = rate.copy()
    for first, last in spans:
        rate[first:last] *= factor
    return rate


@pytest.mark.parametrize(
    ("rate", "steps"),
    [
        (lowered(CONSTANT, 0.1, (200, 300)), (201, 301)),
        (lowered(CONSTANT, 0.5, (200, 203)), (201, 204)),
        (lowered(COSINE, 0.1, (200, 300)), (201, 301)),
        (lowered(CONSTANT, 0.69, (200, 300)), (201, 301)),
        (lowered(CONSTANT, 0.71, (200, 300)), None),
        (lowered(CONSTANT, 0.1, (200, 401)), None),  # more than a third of the run: a phase of its own
        (lowered(CONSTANT, 0.1, (200, 250), (400, 450)), None),  # planned
        (lowered(CONSTANT, 0.1, (200, 600)), None),  # step decay
        (np.tile(COSINE[::3], 3), None),  # restarts
    ],
)
def test_a_rate_that_is_lower_for_a_while(rate: np.ndarray, steps: tuple[int, int] | None) -> None:
    found = [one for one in diagnose(trace_of(learning_rate=rate)) if one.kind == "learning-rate-jump"]
    assert [(one.first_step, one.last_step) for one in found] == ([] if steps is None else [steps])
    assert all(one.supported_causes == ("learning-rate",) and "is back at step" in str(one.sentence) for one in found)
