"""The lines that a command prints of its progress, as plain data."""

from typing import Any

import pytest

from newllm.ui.job_progress import Progress, result_of


def after(*lines: str) -> dict[str, Any]:
    progress = Progress()
    for line in lines:
        progress.take(line)
    return progress.as_dict() | {"last": progress.last}


def test_a_stage_its_replays_and_what_became_of_them() -> None:
    told = after("screening: up to 1,200 replays\n")
    assert (told["stage"], told["done"], told["may"], told["text"]) == ("screening", 0, 1200, "")
    told = after(
        "screening: up to 12 replays", "screening 3/1,012   beta2   40 of 60 s", "screened  beta2   removes it"
    )
    assert (told["stage"], told["done"], told["may"], told["text"]) == ("screening", 3, 1012, "beta2")
    assert told["tried"] == [{"stage": "screened", "name": "beta2", "outcome": "removes it"}]
    assert (told["notes"], told["last"]) == ([], "screened  beta2   removes it")
    told = after("a 3/4   x   1 of 2 s", "b: up to 1 replay")
    assert (told["stage"], told["done"], told["may"], told["text"]) == ("b", 0, 1, "")


def test_what_else_is_said_is_noted_the_newest_forty() -> None:
    told = after("newllm: note: mind this", "", "   ", *(f"line {number}" for number in range(39)))
    assert told["notes"] == ["mind this", *(f"line {number}" for number in range(39))]
    assert told["last"] == "line 38"
    assert after(*(f"line {number}" for number in range(41)))["notes"][0] == "line 1"
    tried = after(*(f"screened  n{number}  kept" for number in range(41)))["tried"]
    assert [tried[0]["name"], tried[-1]["name"], len(tried)] == ["n1", "n40", 40]
    assert 398 <= len(after("x" * 500)["last"]) <= 400


@pytest.mark.parametrize(("null", "identical"), [({"identical": True}, True), ({"identical": False}, False), (3, None)])
def test_a_replay_comes_to_sentences(null: Any, identical: bool | None) -> None:
    told = result_of("replay", {"sentences": ["One.", 3, "t" * 3000], "null": null})
    assert told["identical"] is identical
    assert told["sentences"][0] == "One."
    assert 1998 <= len(told["sentences"][1]) <= 2000
    assert result_of("replay", {})["sentences"] == []


def test_a_doctor_comes_to_counts() -> None:
    found = [{"severity": "fault"}, {"severity": "note"}, {"severity": "note"}, 3]
    told = result_of("doctor", {"findings": found, "judged": True})
    assert told == {"judged": True, "counts": {"fault": 1, "warning": 0, "note": 2}}
    assert result_of("doctor", {"judged": 1}) == {"judged": False, "counts": {"fault": 0, "warning": 0, "note": 0}}
