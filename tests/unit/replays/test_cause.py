import dataclasses
from typing import Any

import pytest

from newllm.replays.assessment.manipulation import Moved
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.session.cause import CauseEvidence, find_cause, suspects
from newllm.replays.session.session import ReverseTest
from newllm.trace import Tried


def case(
    name: str, outcome: Any = "no effect", *, strength: float = 0.7, moved: bool = True, **others: Any
) -> CauseEvidence:
    change = INTERVENTIONS[name]
    tried = Tried(
        name=name, kind=change.kind, change="", hypothesis="", price="", start=0,
        stage=others.get("stage", "confirmed" if outcome == "removes" else "screened"), effect_class=outcome, n=8,
        spiked=0 if outcome == "removes" else 8, effect=1.0 if outcome == "removes" else 0.0, interval=None,
        p=others.get("p", 0.01), severity=0.0, null_severity=1.0, later=None, cost=0.0,
    )  # fmt: skip
    made = CauseEvidence(change, tried, Moved(change.aims_at, 0.5, moved, strength), others.get("reverse_test"))
    return dataclasses.replace(made, not_injected=others.get("not_injected"))


def reverse_test(name: str, spiked: int = 4, null_spiked: int = 0) -> ReverseTest:
    return ReverseTest(name, 4, spiked, null_spiked, 20)


def said(cases: list[CauseEvidence], untried: int) -> list[str]:
    """Return what is missing for a cause, in English."""
    return [str(one) for one in find_cause(cases, untried)[1]]


RIVALS = [case("clip-tenth"), case("beta2"), case("reset-moments")]


def test_a_cause_needs_all_three():
    remedy = case("half-learning-rate", "removes", reverse_test=reverse_test("half-learning-rate"))
    found, missing = find_cause([remedy, *RIVALS], 0)
    assert found is not None
    assert (found["name"], found["planted"]["spiked"], missing) == ("learning-rate", 4, ())
    assert set(found["rivals"]) == {"clip-tenth", "beta2", "reset-moments"}


@pytest.mark.parametrize(
    ("changes", "rivals", "says"),
    [
        ({"moved": False}, RIVALS, "did not move what it aims at"),
        ({}, [*RIVALS, case("replace-batches", "removes")], "replace-batches removed the spike too"),
        ({}, [case("clip-tenth", strength=0.1), case("beta2", strength=0.1)], "fewer than 2 alternative mechanisms"),
        ({"reverse_test": None}, RIVALS, "no reverse test"),
        ({"reverse_test": None, "not_injected": "begun"}, RIVALS, "its reverse test was begun, then the time was up"),
        ({"reverse_test": None, "not_injected": "nothing"}, RIVALS, "nothing of it that could be injected"),
        ({"reverse_test": None, "not_injected": "segment"}, RIVALS, "no healthy segment before the spike"),
        ({"reverse_test": None, "not_injected": "time"}, RIVALS, "there was no time for its reverse test"),
        (
            {"reverse_test": reverse_test("half-learning-rate", spiked=3)},
            RIVALS,
            "3 of 4 replays spike, without it 0",
        ),
        (
            {"reverse_test": reverse_test("half-learning-rate", null_spiked=1)},
            RIVALS,
            "4 of 4 replays spike, without it 1",
        ),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, Any], rivals: list[CauseEvidence], says: str):
    given: dict[str, Any] = {"reverse_test": reverse_test("half-learning-rate"), **changes}
    found, missing = find_cause([case("half-learning-rate", "removes", **given), *rivals], 0)
    assert found is None
    assert any(says in str(one) for one in missing), missing


def test_a_screened_remedy_shows_nothing():
    screened = case(
        "half-learning-rate", "removes", stage="screened", p=None, reverse_test=reverse_test("half-learning-rate")
    )
    found, missing = find_cause([screened, *RIVALS], 0)
    assert found is None
    assert "in the screen only" in str(missing[0])


def test_a_confirmed_change_whose_spike_often_stays_away_by_itself_is_no_remedy():
    unsure = case("half-learning-rate", "removes", p=0.2, reverse_test=reverse_test("half-learning-rate"))
    found, missing = find_cause([unsure, *RIVALS], 0)
    assert found is None
    assert "gone in 8 fresh replays" in str(missing[0])
    assert "p 0.2" in str(missing[0])


def test_a_remedy_whose_p_is_too_high_is_none():
    unsure = case("half-learning-rate", "removes", p=0.06, reverse_test=reverse_test("half-learning-rate"))
    assert find_cause([unsure, *RIVALS], 0)[0] is None


def test_a_change_that_speaks_for_the_same_cause_too_is_no_rival():
    remedy = case("replace-batches", "removes", reverse_test=reverse_test("replace-batches"))
    rivals = [case("clip-tenth", "removes"), case("half-learning-rate"), case("beta2")]
    found, _ = find_cause([remedy, *rivals], 0)
    assert found is not None
    assert found["rivals"] == ["half-learning-rate", "beta2"]


def test_suspects_come_once_a_cause_with_what_removes_first():
    reduces = dataclasses.replace(case("clip-tenth").tried, effect_class="reduces", effect=0.9)
    first = case("half-learning-rate", "removes", reverse_test=reverse_test("half-learning-rate"))
    second = case("tenth-learning-rate", "removes")
    third = dataclasses.replace(case("clip-tenth"), tried=reduces)
    found = suspects([third, second, first, *RIVALS[1:]], {"clipping": 0})
    assert [one["intervention"] for one in found] == ["half-learning-rate", "clip-tenth"]


def test_what_does_nothing_is_no_suspect():
    assert suspects(RIVALS, {}) == ()


def test_what_had_no_time_is_not_counted_as_tried():
    assert said(RIVALS, 5) == ["5 of 8 changes had no time: a longer budget (--budget, budget=) would try them."]
    assert "not among what was changed" in said(RIVALS, 0)[0]


def of_half(**others: Any) -> CauseEvidence:
    return case("half-learning-rate", "removes", reverse_test=reverse_test("half-learning-rate"), **others)


@pytest.mark.parametrize(
    ("remedy", "rivals", "as_strong"),
    [
        (of_half(), [case("clip-tenth", strength=0.35), case("beta2", strength=0.7)], ["clip-tenth", "beta2"]),
        (of_half(), [case("clip-tenth", strength=0.34), case("beta2"), case("z-loss")], ["beta2", "z-loss"]),
        (of_half(), [case("clip-tenth", moved=False), case("beta2"), case("z-loss")], ["beta2", "z-loss"]),
        # Doubled or halved is strong enough, whatever the other did.
        (
            of_half(strength=9.0),
            [case("clip-tenth", strength=0.69315), case("beta2", strength=0.7)],
            ["clip-tenth", "beta2"],
        ),
        (of_half(strength=9.0), [case("clip-tenth", strength=0.69), case("beta2", strength=0.7)], None),
        # A switch counts against another switch alone: nobody can say how strong it is.
        (of_half(), [case("dropout-off", strength=0.0), case("beta2"), case("z-loss")], ["beta2", "z-loss"]),
        (of_half(strength=0.0), [case("dropout-off", strength=0.0), case("beta2")], ["dropout-off", "beta2"]),
        # Batches have no strength to compare.
        (of_half(), [case("replace-batches", strength=0.1), case("beta2")], ["replace-batches", "beta2"]),
        (of_half(), [case("replace-batches", strength=0.9, moved=False), case("beta2")], None),
        (
            case("replace-batches", "removes", reverse_test=reverse_test("replace-batches")),
            [case("half-learning-rate", strength=0.1), case("beta2", strength=0.1)],
            ["half-learning-rate", "beta2"],
        ),
    ],
)  # fmt: skip
def test_rivals_must_be_as_strong(
    remedy: CauseEvidence, rivals: list[CauseEvidence], as_strong: list[str] | None
) -> None:
    found, _ = find_cause([remedy, *rivals], 0)
    assert (None if found is None else found["rivals"]) == as_strong


def test_a_cause_is_told_with_what_shows_it() -> None:
    assert find_cause([*RIVALS, of_half(p=0.049)], 0)[0] == {
        "name": "learning-rate",
        "intervention": "half-learning-rate",
        "moved": {"signal": INTERVENTIONS["half-learning-rate"].aims_at, "ratio": 0.5},
        "rivals": ["clip-tenth", "beta2", "reset-moments"],
        "explained": [],
        "explained_by": None,
        "planted": {"name": "half-learning-rate", "n": 4, "spiked": 4, "null_spiked": 0, "start": 20},
    }
    assert find_cause([*RIVALS, of_half(p=0.05)], 0)[0] is None


def test_every_remedy_is_asked_and_what_is_missing_is_said_once() -> None:
    weak = case("tenth-learning-rate", "removes", moved=False, reverse_test=reverse_test("tenth-learning-rate"))
    found, missing = find_cause([weak, of_half(), *RIVALS], 0)
    assert found is not None
    assert (found["intervention"], missing) == ("half-learning-rate", ())
    assert find_cause([weak, weak, *RIVALS], 0)[0] is None
    lacks = "it did not move what it aims at (update ratio), so it tests nothing."
    assert said([weak, weak, *RIVALS], 0) == [f"tenth-learning-rate: {lacks}"]


def test_what_removes_it_too_is_listed() -> None:
    others = [
        case(name, "removes", stage="screened") for name in ("replace-batches", "clip-tenth", "beta2", "clip-tenth")
    ]
    lacks = "in the screen beta2, clip-tenth and replace-batches removed the spike too; a longer budget"
    assert said([of_half(), *others], 0)[0].startswith(f"half-learning-rate: {lacks}")
    lacks = "clip-tenth removed the spike too, by another mechanism."
    assert said([of_half(), case("clip-tenth", "removes")], 0)[0] == f"half-learning-rate: {lacks}"
    screened = [case(name, "removes", stage="screened") for name in ("clip-tenth", "beta2")]
    assert "clip-tenth and beta2 removed the spike in the screen only" in said(screened, 3)[0]


def effective(
    name: str, effect: float | None, outcome: Any = "reduces", *, reverse: bool = False, **others: Any
) -> CauseEvidence:
    made = case(name, outcome, reverse_test=reverse_test(name) if reverse else None, **others)
    return dataclasses.replace(made, tried=dataclasses.replace(made.tried, effect=effect))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (effective("beta2", 0.3), effective("clip-tenth", 0.9, "delays", reverse=True)),  # what it does, before all
        (effective("beta2", 0.3, reverse=True), effective("clip-tenth", 0.9)),
        (effective("beta2", 0.3), effective("clip-tenth", 0.9, moved=False, stage="confirmed")),
        (effective("beta2", 0.3, stage="confirmed"), effective("clip-tenth", 0.9)),
        (effective("beta2", 0.9), effective("clip-tenth", 0.3)),
        (effective("beta2", 0.3), effective("clip-tenth", None)),
        (effective("clip-tenth", 0.31), effective("beta2", 0.33)),  # a tenth alike: the doctor's suspicion decides
    ],
)
def test_suspects_are_told_the_best_first(first: CauseEvidence, second: CauseEvidence) -> None:
    doubts = {first.change.causes[-1]: 0, second.change.causes[0]: 1} if first.tried.effect == 0.31 else {}
    for cases in ([first, case("half-learning-rate"), second], [second, first]):
        found = suspects(cases, doubts)
        assert [one["intervention"] for one in found] == [first.tried.name, second.tried.name]
    assert found[0] == {
        "name": first.change.main_cause, "intervention": first.tried.name, "class": first.tried.effect_class,
        "stage": first.tried.stage, "moved": True, "planted_spikes": first.reverse_test is not None,
    }  # fmt: skip


def test_how_many_had_no_time_is_said() -> None:
    assert said(RIVALS, 1) == ["1 of 4 changes had no time: a longer budget (--budget, budget=) would try them."]


def test_what_dampens_any_spike_is_named_last_and_speaks_against_no_other():
    """Half the learning rate removes this spike and a control spike: it is no cause, and no rival of one."""
    dampener = dataclasses.replace(case("half-learning-rate", "removes"), dampens=True)
    specific = case("replace-batches", "reduces")
    assert [one["name"] for one in suspects([dampener, specific], {"learning-rate": 0})] == [
        "corrupted-batch",
        "learning-rate",
    ]
    remedy = case("beta2", "removes", reverse_test=reverse_test("beta2"))
    rivals = [case("replace-batches"), case("dropout-off"), case("z-loss")]
    found, _ = find_cause([dataclasses.replace(dampener, dampens=False), remedy, *rivals], 0)
    assert found is None, "a rival that removes it too speaks against it"
    found, missing = find_cause([dampener, remedy, *rivals], 0)
    assert found is not None
    assert (found["name"], missing) == ("beta2", ())
    assert "half-learning-rate" not in found["rivals"]
    reversed_too = case("half-learning-rate", "removes", reverse_test=reverse_test("half-learning-rate"))
    found, missing = find_cause([dataclasses.replace(reversed_too, dampens=True), *rivals], 0)
    assert found is None
    assert "it also takes" in str(missing[0])


def test_what_limits_updates_does_not_speak_against_what_restores():
    """Clipping removes the spike of a bad batch, or of a rate that jumped: it acts behind what was wrong."""
    remedy = case("hold-learning-rate", "removes", reverse_test=reverse_test("hold-learning-rate"))
    rivals = [case("replace-batches"), case("other-order"), case("clip-tenth", "removes")]
    found, missing = find_cause([remedy, *rivals], 0, ("learning-rate",))
    assert missing == ()
    assert found is not None
    assert found["name"] == "learning-rate"
    assert (found["rivals"], found["explained"]) == (["replace-batches", "other-order"], ["clip-tenth"])
    assert found["explained_by"] == "updates"
    found, missing = find_cause([remedy, *rivals[:1], case("other-order", "removes"), rivals[2]], 0)
    assert found is None, "what is read does not lie behind the rate"
    assert "other-order" in str(missing[0])


@pytest.mark.parametrize("spread", [0, 4])
def test_reverse_tests_tell_bad_batches_from_a_bad_order(spread: int):
    """Both leave out what was read; read again among others bad batches bring about a spike, an order does not."""
    content = reverse_test("replace-batches", spiked=spread)
    pair = [
        case("replace-batches", "removes", reverse_test=content),
        case("other-order", "removes", reverse_test=reverse_test("other-order")),
    ]
    found, missing = find_cause([*pair, case("beta2"), case("dropout-off"), case("z-loss")], 0)
    assert missing == ()
    assert found is not None
    assert found["name"] == ("corrupted-batch" if spread else "data-order")


def test_of_the_causes_of_a_change_the_one_is_named_that_the_log_speaks_for():
    remedy = case("hold-learning-rate", "removes", reverse_test=reverse_test("hold-learning-rate"))
    rivals = [case("replace-batches"), case("other-order")]
    for supported, name in (
        ((), "schedule-restarted"),
        (("learning-rate",), "learning-rate"),
        (("beta2",), "schedule-restarted"),
    ):
        found, _ = find_cause([remedy, *rivals], 0, supported)
        assert found is not None
        assert found["name"] == name
        assert suspects([remedy], {}, supported)[0]["name"] == name
