"""A rise of a loss, and how much of it is there in another run."""

import numpy as np
import pytest

from newllm.messages import quoted
from newllm.reruns.rise import LEAST, Rise, rises, seen_at
from newllm.trace import Cause, Finding, Series

STEPS = np.arange(1, 101)
NOISE = np.random.default_rng(0).normal(0, 0.02, 100)


def loss(height: float, first: int = 50, last: int = 60) -> Series:
    values = 1.0 + NOISE
    values[first - 1 : last] += height
    return Series(STEPS, values)


RISE = Rise("spike", 50, 70)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0, 2.0])
def test_the_share_of_a_rise_is_its_area_above_the_level(share):
    assert RISE.share(loss(4.0), loss(4.0 * share)) == pytest.approx(share, abs=0.03)


def test_of_a_loss_that_falls_steeply_the_level_is_that_of_its_last_points():
    falls = Series(STEPS, loss(0.8).value + 5 * np.exp(-STEPS / 30))
    assert RISE.share(falls, falls) == 1.0
    assert RISE.share(falls, Series(STEPS, falls.value - 0.8 * ((STEPS >= 50) & (STEPS <= 60)))) == pytest.approx(
        0, abs=0.02
    )


def test_what_is_not_finite_is_all_of_it():
    broken = loss(4.0)
    broken.value[55] = np.nan
    assert RISE.share(loss(4.0), broken) == np.inf
    assert RISE.share(broken, loss(0.0)) == 0.0
    assert RISE.share(broken, broken) == 1.0


def test_of_too_few_points_nothing_is_said():
    early = Rise("spike", 3, 20)
    assert early.share(loss(4.0), loss(4.0)) is None
    assert RISE.share(loss(0.0), loss(4.0)) is None  # there is no rise to be a share of
    assert RISE.share(loss(4.0), Series(STEPS[:40], loss(4.0).value[:40])) is None


def test_a_rise_begins_as_in_the_run_where_all_is_calm_before():
    assert RISE.begins(loss(4.0), loss(4.0, last=52), 45)
    assert not RISE.begins(loss(4.0), loss(1.0), 45)
    assert not RISE.begins(loss(4.0), loss(4.0, first=46), 45)


def finding(kind: str, first: float, last: float | None, **changed: object) -> Finding:
    known = {"kind": kind, "severity": "warning", "sentence": quoted("x"), "signal": "loss"} | changed
    return Finding(first_step=first, last_step=last, **known)  # type: ignore[arg-type]


def test_rises_are_what_the_doctor_found_in_the_training_loss():
    series = loss(4.0)
    found = [
        finding("worse-than-uniform", 52, 58),
        finding("spike", 50, 60),
        finding("spike", 30, None, severity="note"),
        finding("spike", 30, None, signal="validation_loss"),
        finding("plateau", 30, None),
    ]
    assert rises(found, series) == [Rise("spike", 50, 50 + LEAST)]
    assert rises([finding("spike", 80, 90)], series) == []  # the loss lies not above its level there
    two = Series(STEPS, loss(4.0).value + loss(4.0, 85, 95).value)
    both = rises([finding("spike", 85, 95), finding("changed-state", 50, None)], two)
    assert [(one.kind, one.first, one.last) for one in both] == [("changed-state", 50, 70), ("spike", 85, 100)]


def test_where_the_loss_of_a_trial_rises_or_is_not_finite_is_found():
    assert RISE.since(loss(4.0, first=53), 45) == 53
    assert RISE.since(loss(4.0, first=47), 45) == 47
    assert RISE.since(loss(0.0), 45) is None
    assert RISE.since(loss(4.0, first=53, last=53), 45) is None  # a point that lies higher alone is no rise
    broken = loss(4.0)
    broken.value[55] = np.nan
    assert Rise("not-finite", 50, 70).since(broken, 49) == 56
    assert Rise("not-finite", 50, 70).since(loss(4.0), 49) is None


def test_of_a_loss_that_is_not_finite_the_doctors_own_cause_is_what_was_seen():
    causes = (Cause("numerics-in-loss", 0.5, quoted("why")),)
    here, elsewhere = (finding("not-finite", first, None, causes=causes) for first in (50, 60))
    assert seen_at(Rise("not-finite", 50, 70), [elsewhere, here]) == quoted("why")
    assert seen_at(Rise("not-finite", 50, 70), [elsewhere]) is None
    assert seen_at(RISE, [here]) is None
