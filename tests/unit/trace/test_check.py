"""check.json as others may have left it: what is no check is refused whole, and what is said of it is harmless."""

import json
from pathlib import Path
from typing import Any

import pytest

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.trace.check import read_check
from newllm.trace.readers import read_log

WHY = message("check-reason.no-layers")


def outcome(**more: Any) -> dict[str, Any]:
    return {"probe": "finite", "status": "unchecked", "sentence": str(WHY), "message": WHY.as_dict(), **more}


def content(*outcomes: Any, **more: Any) -> dict[str, Any]:
    return {"schema": 1, "outcomes": list(outcomes), "seconds": 1.5, **more}


def test_an_outcome_is_read_with_its_sentence_as_a_message() -> None:
    (found,) = read_check(content(outcome(evidence={"n": 1}))).outcomes
    assert (found.probe, found.status, found.sentence, found.evidence) == ("finite", "unchecked", WHY, {"n": 1})


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"outcomes": {}},
        {"outcomes": []},
        content(outcome(), 3),
        content(outcome(status="fine")),
        content(outcome(status=["wrong"])),
        content(outcome(probe=7)),
        content(outcome(probe="finite.loss")),
        content(outcome(probe="Finite")),
        content(outcome(probe="../x")),
        content(outcome(probe="a" * 81)),
        content(*[outcome()] * 501),
    ],
)
def test_what_is_no_check_is_refused_whole(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no check"):
        read_check(bad)


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 10**400, "x", None, [], {"id": "check"}])
@pytest.mark.parametrize("id", ["check-optimizer-holds.twice", "check-batch-kept.sound", "check-finite.sound", "nope"])
def test_a_message_that_cannot_be_is_the_sentence_beside_it(id: str, number: Any) -> None:
    data = {"id": id, "parameters": dict.fromkeys(("count", "loss", "more", "names", "changed"), number)}
    (found,) = read_check(content(outcome(message=data, sentence="<b>moved"))).outcomes
    assert found.sentence == Message("quoted", {"text": "<b>moved"})


@pytest.mark.parametrize(
    "strange",
    [
        {"when": "yesterday", "model": 3, "parameters": True, "seconds": "1"},
        {"when": 7, "version": None, "parameters": -1, "seconds": float("nan")},
        {"when": "0001-01-01T00:00:00+14:00", "optimizer": [], "parameters": 2**60, "seconds": -1},
    ],
)
def test_what_is_said_of_the_training_may_be_anything(strange: dict[str, Any]) -> None:
    found = read_check(content(outcome()) | strange)
    about = found.about
    assert (about.when, about.version, about.model, about.parameters, about.optimizer) == (None, "", "", None, "")
    assert found.seconds == 0.0


def test_the_file_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "check.json").write_text(json.dumps(content(outcome())))
    with pytest.raises(UserError, match="no log in"):
        read_log(tmp_path)


def test_names_of_the_training_have_a_bound() -> None:
    assert read_check(content(outcome(), model="m" * 1000)).about.model == "m" * 80
