import dataclasses
from typing import Any

import pytest

from newllm.replays.cause import Case, find_cause, suspects
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.manipulation import Moved
from newllm.replays.session import Planted
from newllm.trace import Tried


def case(name: str, outcome: Any = "no effect", *, strength: float = 0.7, moved: bool = True, **others: Any) -> Case:
    change = INTERVENTIONS[name]
    tried = Tried(
        name=name, kind=change.kind, change=change.change, hypothesis=change.hypothesis, price=change.price, start=0,
        stage=others.get("stage", "confirmed" if outcome == "removes" else "screened"), outcome=outcome, n=8,
        spiked=0 if outcome == "removes" else 8, effect=1.0 if outcome == "removes" else 0.0, interval=None,
        p=others.get("p", 0.01), severity=0.0, null_severity=1.0, later=None, cost=0.0,
    )  # fmt: skip
    return Case(change, tried, Moved(change.aims_at, 0.5, moved, strength), others.get("planted"))


def planted(name: str, spiked: int = 4, null_spiked: int = 0) -> Planted:
    return Planted(name, 4, spiked, null_spiked, 20)


RIVALS = [case("clip-tenth"), case("beta2"), case("reset-moments")]


def test_a_cause_needs_all_three():
    remedy = case("half-learning-rate", "removes", planted=planted("half-learning-rate"))
    found, missing = find_cause([remedy, *RIVALS], 0)
    assert found is not None
    assert (found["name"], found["planted"]["spiked"], missing) == ("learning-rate", 4, ())
    assert set(found["rivals"]) == {"clip-tenth", "beta2", "reset-moments"}


@pytest.mark.parametrize(
    ("changes", "rivals", "says"),
    [
        ({"moved": False}, RIVALS, "did not move what it aims at"),
        ({}, [*RIVALS, case("replace-batches", "removes")], "replace-batches removed the spike too"),
        ({}, [case("clip-tenth", strength=0.1), case("beta2", strength=0.1)], "fewer than 2 rival mechanisms"),
        ({"planted": None}, RIVALS, "no reverse test"),
        ({"planted": planted("half-learning-rate", spiked=3)}, RIVALS, "made 3 of 4 replays spike (0 without it)"),
        ({"planted": planted("half-learning-rate", null_spiked=1)}, RIVALS, "made 4 of 4 replays spike (1 without it)"),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, Any], rivals: list[Case], says: str):
    given: dict[str, Any] = {"planted": planted("half-learning-rate"), **changes}
    found, missing = find_cause([case("half-learning-rate", "removes", **given), *rivals], 0)
    assert found is None
    assert any(says in line for line in missing), missing


def test_a_screened_remedy_shows_nothing():
    screened = case("half-learning-rate", "removes", stage="screened", p=None, planted=planted("half-learning-rate"))
    found, missing = find_cause([screened, *RIVALS], 0)
    assert found is None
    assert "in the screen only" in missing[0]


def test_a_remedy_whose_p_is_too_high_is_none():
    unsure = case("half-learning-rate", "removes", p=0.06, planted=planted("half-learning-rate"))
    assert find_cause([unsure, *RIVALS], 0)[0] is None


def test_a_change_that_speaks_for_the_same_cause_too_is_no_rival():
    remedy = case("replace-batches", "removes", planted=planted("replace-batches"))
    rivals = [case("clip-tenth", "removes"), case("half-learning-rate"), case("beta2")]
    found, _ = find_cause([remedy, *rivals], 0)
    assert found is not None
    assert found["rivals"] == ["half-learning-rate", "beta2"]


def test_suspects_come_once_a_mechanism_with_what_removes_first():
    reduces = dataclasses.replace(case("clip-tenth").tried, outcome="reduces", effect=0.9)
    first = case("half-learning-rate", "removes", planted=planted("half-learning-rate"))
    second = case("tenth-learning-rate", "removes")
    third = dataclasses.replace(case("clip-tenth"), tried=reduces)
    found = suspects([third, second, first, *RIVALS[1:]], {"clipping": 0})
    assert [one["intervention"] for one in found] == ["half-learning-rate", "clip-tenth"]


def test_what_does_nothing_is_no_suspect():
    assert suspects(RIVALS, {}) == ()


def test_what_had_no_time_is_not_counted_as_tried():
    assert find_cause(RIVALS, 5)[1] == ("5 of 8 changes had no time: a longer --budget would try them.",)
    assert "not among what was changed" in find_cause(RIVALS, 0)[1][0]
