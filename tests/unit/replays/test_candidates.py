"""What is tried, and in what order."""

import re
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.session.candidates import candidates
from newllm.replays.session.starts import Start
from newllm.replays.subjects.own_run import OwnRun

LATE, FIRST = Start(8, 16, 20, 24), Start(0, 16, 20, 32)


def test_what_was_asked_for_is_tried_in_the_order_asked(tiny_run: Path) -> None:
    found, not_tried = candidates(
        OwnRun(tiny_run),
        (LATE, FIRST),
        (),
        ["half-learning-rate", "clip-half +smaller-initialisation", "smaller-initialisation"],
    )
    assert [(one.name, one.start) for one in found] == [
        ("half-learning-rate", LATE),
        ("clip-half + smaller-initialisation", FIRST),  # the second of them is a change of the beginning
        ("smaller-initialisation", FIRST),
    ]
    assert [one.main.name for one in found] == ["half-learning-rate", "clip-half", "smaller-initialisation"]
    assert not_tried == {}


@pytest.mark.parametrize(
    ("only", "says"),
    [
        ("beta2+beta2", "give one name, or two different ones joined by \\+"),
        ("beta2+gate+sgd", "give one name, or two"),
        ("beta3", "did you mean 'beta2'"),
        ("beta2+fp33", "'fp33'"),
    ],
)
def test_what_cannot_be_asked_for(only: str, says: str, tiny_run: Path) -> None:
    with pytest.raises(UserError, match=says):
        candidates(OwnRun(tiny_run), (LATE, FIRST), (), [only])


def test_what_does_not_fit_is_told_and_not_tried_unless_it_was_asked_for(tiny_run: Path) -> None:
    subject = OwnRun(tiny_run)
    found, not_tried = candidates(subject, (LATE, FIRST), ())
    assert {one.name for one in found} | not_tried.keys() == set(INTERVENTIONS)
    assert not_tried == {name: why for name, one in INTERVENTIONS.items() if (why := one.misfit(subject))}
    misfit = next(iter(not_tried))
    with pytest.raises(UserError, match=f"'{misfit}' cannot be tried here: {re.escape(str(not_tried[misfit]))}"):
        candidates(subject, (LATE, FIRST), (), [misfit])


def test_what_the_doctor_suspects_comes_first_and_then_what_is_cheap(tiny_run: Path) -> None:
    suspected = ("additive-context", "beta2")
    found, _ = candidates(OwnRun(tiny_run), (LATE, FIRST), suspected)
    causes = [one.main.main_cause for one in found]
    turns = [causes[:at].count(cause) for at, cause in enumerate(causes)]
    assert turns == sorted(turns), "one of each cause comes before a second of any"
    assert max(turns) > 1
    for turn in range(max(turns)):
        own = [one for one, its in zip(found, turns, strict=True) if its == turn]
        places = [
            min([suspected.index(one) for one in each.main.causes if one in suspected], default=2) for each in own
        ]
        assert places == sorted(places)
        for place in range(3):
            steps = [one.steps for one, its in zip(own, places, strict=True) if its == place]
            assert steps == sorted(steps)
    assert {one.steps for one in found if one.name == "half-learning-rate"} == {2 * 16.0}
    slow = next(one for one in found if one.main.slowness > 1)
    assert slow.steps == (slow.start.end - slow.start.step) * slow.main.slowness
