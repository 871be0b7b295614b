"""The learning rate by step, with and without decisions on the way."""

import dataclasses
import itertools

import pytest

from newllm.training.config import OptimizerConfig, RunConfig
from newllm.training.schedule import Schedule, learning_rate

OPTIMIZER = OptimizerConfig(learning_rate=1.0, warmup=10, final=0.1)


def scheduled(*plan: tuple[int, int, int], evaluations: int = 0, every: int = 10, optimizer=OPTIMIZER) -> Schedule:
    config = RunConfig(optimizer=optimizer)
    training = dataclasses.replace(
        config.training, steps=plan[-1][1], plan=plan, evaluations=evaluations, evaluate_every=every
    )
    return Schedule(dataclasses.replace(config, training=training))


def rates(schedule: Schedule) -> list[float]:
    return [schedule.rate(step) for step in range(schedule.steps)]


def test_a_plan_of_one_decision_is_the_schedule_of_a_run_whose_steps_were_known() -> None:
    assert rates(scheduled((0, 100, 10))) == [learning_rate(step, 100, OPTIMIZER) for step in range(100)]


@pytest.mark.parametrize("steps", [60, 45, 400])
def test_a_decision_changes_no_rate_before_it_and_goes_on_without_a_jump(steps: int) -> None:
    before, after = rates(scheduled((0, 100, 10))), rates(scheduled((0, 100, 10), (40, steps, 40)))
    assert after[:40] == before[:40]
    assert after[40] == pytest.approx(before[40], rel=1e-9)
    falling = after[40:]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < (0.15 if steps > 50 else 0.2)


def test_a_decision_within_the_warm_up_lets_it_go_on() -> None:
    after = rates(scheduled((0, 1000, 10), (4, 50, 5), (5, 50, 5)))
    assert after[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert after[4] == 1.0
    assert after[4:] == sorted(after[4:], reverse=True)


def test_a_run_that_had_ended_follows_the_schedule_of_a_longer_one_and_rises_slowly() -> None:
    longer, extended = rates(scheduled((0, 200, 10))), rates(scheduled((0, 100, 10), (100, 200, 110)))
    assert extended[109:] == pytest.approx(longer[109:])
    rising = extended[99:110]
    assert rising == sorted(rising)
    assert max(later - one for one, later in itertools.pairwise(rising)) < 0.06


def test_an_end_that_came_early_stands_and_what_follows_begins_there() -> None:
    ended = scheduled((0, 100, 10), (40, 40, 40))
    assert ended.steps == 40
    assert rates(ended) == rates(scheduled((0, 100, 10)))[:40]
    extended = scheduled((0, 100, 10), (40, 40, 40), (40, 80, 44))
    assert rates(extended)[:40] == rates(ended)
    assert rates(extended)[43:] == pytest.approx(rates(scheduled((0, 80, 10)))[43:])
    assert extended.evaluates(40)


def test_a_later_decision_replaces_those_of_its_step_and_after() -> None:
    schedule = scheduled((0, 100, 10), (40, 60, 40), (50, 55, 50))
    schedule.decide(40, 80, 40)
    assert rates(schedule) == rates(scheduled((0, 100, 10), (40, 80, 40)))


def test_without_warm_up_and_at_a_constant_rate_nothing_changes() -> None:
    constant = dataclasses.replace(OPTIMIZER, schedule="constant", warmup=0)
    assert set(rates(scheduled((0, 100, 0), (40, 60, 40), (60, 90, 60), optimizer=constant))) == {1.0}


def test_evaluations_come_at_equal_parts_of_the_plan() -> None:
    steady = scheduled((0, 100, 10), evaluations=10)
    assert [step for step in range(1, 101) if steady.evaluates(step)] == list(range(10, 101, 10))
    slower = scheduled((0, 100, 10), (50, 60, 50), evaluations=10)
    due = [step for step in range(1, 61) if slower.evaluates(step)]
    assert due == [10, 20, 30, 40, 50, 52, 54, 56, 58, 60]


def test_what_fits_is_updates_and_the_evaluations_that_are_to_come() -> None:
    parts, every = scheduled((0, 100, 10), evaluations=10), scheduled((0, 100, 10), every=5)
    assert [parts.fitting(step, 60.0, 0.5, 2.0) for step in (0, 50, 95)] == [80, 100, 116]
    assert every.fitting(50, 60.0, 0.5, 2.0) == round(58 / 0.9)
    assert parts.fitting(50, 3.0, 0.5, 2.0) == 1
    assert parts.fitting(0, 12.0, 0.5, 2.0) == 5  # not all of its evaluations have room: the time is used all the same


def test_the_warm_up_that_is_left_takes_a_tenth_of_the_updates_at_most() -> None:
    schedule = scheduled((0, 100, 10))
    assert schedule.warm_after(4, 36) == 5
    assert schedule.warm_after(4, 1000) == 10
    assert schedule.warm_after(20, 1000) == 20
    assert schedule.warm_after(100, 60) == 106
