"""Which runs are one arm, what tells arms apart, and what their seeds say together."""

import math
from dataclasses import replace

import numpy as np
import pytest

from newllm.diagnosis.run_settings import flat
from newllm.report.several.arms import Member, arms_of, difference_of, differing, mean_of, pairs
from newllm.statistics import mean_interval
from newllm.trace import Series


def member(name: str, seed: int | None = 0, bits: float | None = None, **settings: object) -> Member:
    config = {"schema": 1, "seed": seed, "model": {"rule": "additive", "width": 8} | settings, "training": {"keep": 2}}
    return Member(name, flat(config) if seed is not None else {}, numbers={"bits_per_byte": bits})


def test_a_configuration_becomes_flat():
    assert flat({"seed": 1, "model": {"rule": "ema", "norms": {"read": True}}, "empty": {}}) == {
        "seed": 1, "model.rule": "ema", "model.norms.read": True
    }  # fmt: skip


def test_runs_that_differ_by_the_seed_alone_are_one_arm():
    arms = arms_of([member("a", 0), member("b", 0, rule="ema"), member("c", 1), member("d", 2, rule="ema")])
    assert [[one.name for one in arm.members] for arm in arms] == [["a", "c"], ["b", "d"]]
    assert [arm.n for arm in arms] == [2, 2]
    assert [arm.name for arm in arms] == ["rule additive", "rule ema"]


def test_where_and_how_a_run_was_kept_makes_no_other_arm():
    one, other = member("a", 0), member("b", 1)
    moved = Member("b", {**other.settings, "environment.python": "3.13", "training.keep": 9})
    assert len(arms_of([one, moved])) == 1
    assert len(arms_of([one, Member("b", {**other.settings, "numerics.precision": "bf16"})])) == 2


def test_a_number_and_a_text_or_a_flag_are_not_the_same_setting():
    assert len(arms_of([member("a", 0, width=1), member("b", 1, width=True), member("c", 2, width="1")])) == 3


def test_a_second_run_of_a_seed_is_no_new_evidence():
    arm, *others = arms_of([member("a", 0), member("again", 0), member("b", 1)])
    assert others == []
    assert ([one.name for one in arm.members], [one.name for one in arm.repeated], arm.n) == (["a", "b"], ["again"], 2)


def test_a_damaged_run_does_not_stand_for_a_seed_that_another_run_has():
    damaged = replace(member("damaged", 0), signals={})
    recorded = replace(member("again", 0), signals={"loss": Series(np.arange(2), np.ones(2))})
    (arm,) = arms_of([damaged, recorded])
    assert ([one.name for one in arm.members], [one.name for one in arm.repeated]) == (["again"], ["damaged"])
    (alone,) = arms_of([damaged])
    assert alone.members == (damaged,)


def test_runs_without_a_known_configuration_stay_alone():
    arms = arms_of([member("log-a", None), member("log-b", None), member("mine", 0)])
    assert [arm.name for arm in arms] == ["log-a", "log-b", "mine"]
    assert arms[0].members[0].seed is None


def test_the_name_of_an_arm_where_nothing_sets_it_apart_is_what_its_runs_share():
    assert [arm.name for arm in arms_of([member("tiny-seed-0", 0), member("tiny-seed-1", 1)])] == ["tiny-seed"]
    assert [arm.name for arm in arms_of([member("a", 0), member("b", 1)])] == ["a"]


def test_only_settings_that_differ_are_told():
    one, other = member("a", 0).settings, member("b", 1, rule="ema", extra=3).settings
    assert differing([one, other]) == {"model.rule": ("additive", "ema"), "model.extra": (None, 3)}
    assert differing([one, {}, other])["model.rule"] == ("additive", None, "ema")
    assert differing([one, {}]) == {}


def test_the_mean_over_seeds_has_students_interval():
    arm = arms_of([member("a", 0, 1.0), member("b", 1, 2.0), member("c", 2, 4.0)])[0]
    assert mean_of(arm, "bits_per_byte") == mean_interval([1.0, 2.0, 4.0])
    assert mean_of(arm, "unknown") is None


@pytest.mark.parametrize("bad", [None, math.nan, math.inf])
def test_a_seed_without_a_number_leaves_the_arm_without_a_mean(bad: float | None):
    assert mean_of(arms_of([member("a", 0, 1.0), member("b", 1, bad)])[0], "bits_per_byte") is None


def test_differences_are_paired_by_seed():
    control, other = arms_of([
        member("a", 0, 1.0), member("b", 1, 5.0), member("c", 7, 9.0),
        member("d", 1, 4.5, rule="ema"), member("e", 0, 0.75, rule="ema"),
    ])  # fmt: skip
    assert [(one.name, two.name) for one, two in pairs(control, other)] == [("b", "d"), ("a", "e")]
    assert difference_of(control, other, "bits_per_byte") == mean_interval([-0.5, -0.25])


def test_without_a_shared_seed_there_is_a_difference_and_no_interval():
    control, other = arms_of([member("a", 0, 1.0), member("b", 1, 3.0), member("c", 5, 1.5, rule="ema")])
    found = difference_of(control, other, "bits_per_byte")
    assert found is not None
    assert (found.estimate, found.low, found.high) == (-0.5, None, None)


def test_an_absent_number_leaves_no_difference():
    control, other = arms_of([member("a", 0, 1.0), member("b", 0, None, rule="ema")])
    assert difference_of(control, other, "bits_per_byte") is None
