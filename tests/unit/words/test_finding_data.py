"""A finding as plain data, and back: with its messages where they were written too, else as it was written."""

import dataclasses
import json
import math
from typing import Any

import pytest

from newllm.messages import message, quoted
from newllm.trace import Cause, Finding
from newllm.words.finding_data import finding_data, read_finding

SPIKE = message(
    "finding-spike.sentence", signal="loss", base=2.0, peak=math.inf, axis="step", step=12, onset=10, sudden=True,
    outcome="diverged", back=None, cost=math.nan, scheduled=False,
)  # fmt: skip
FOUND = Finding(
    kind="diverged", severity="fault", sentence=SPIKE, first_step=10.0, signal="loss", evidence={"peak": 9.0},
    alternatives=(message("finding-spike.single-batch"),), test=message("finding-spike.test"),
    candidate_causes=("learning-rate",),
)  # fmt: skip


def written(finding: Finding) -> dict[str, Any]:
    return json.loads(json.dumps(finding_data(finding), allow_nan=False))


def test_a_finding_is_plain_data() -> None:
    evidence = {"a": math.nan, "b": (1, math.inf), "c": {2: -0.5}}
    told = finding_data(
        Finding(kind="k", severity="note", sentence=quoted("s"), evidence=evidence, alternatives=(quoted("x"),))
    )
    assert told["evidence"] == {"a": None, "b": [1, None], "c": {"2": -0.5}}
    assert (told["confidence"], told["first_step"], told["alternatives"]) == (1.0, None, ["x"])


def test_sentences_stand_in_english_beside_their_data() -> None:
    told = written(FOUND)
    assert told["sentence"].startswith(
        "loss jumps from 2 to inf at step 12 (it leaves its trend at 10) and never recovers"
    )
    assert told["alternatives"] == ["a single bad batch that left the model as it was"]
    assert told["messages"]["sentence"]["id"] == "finding-spike.sentence"
    assert told["messages"]["sentence"]["parameters"]["peak"] == "inf"
    assert told["messages"]["alternatives"] == [{"id": "finding-spike.single-batch", "parameters": {}}]


def test_what_was_written_is_read_back_whatever_its_numbers() -> None:
    back = read_finding(written(FOUND))
    assert (back.sentence.id, str(back.sentence)) == (SPIKE.id, str(SPIKE))
    assert (back.alternatives, back.test) == (FOUND.alternatives, FOUND.test)
    assert written(back) == written(FOUND)


def test_what_an_earlier_version_wrote_keeps_its_sentences() -> None:
    told = written(FOUND)
    del told["messages"]
    back = read_finding(told)
    assert back.sentence == quoted(told["sentence"])
    assert back.alternatives == (quoted(told["alternatives"][0]),)


@pytest.mark.parametrize(
    "damage",
    [
        {"id": "finding-plateau.test", "parameters": {}},
        {"id": "no-such", "parameters": {}},
        {"id": "finding-spike.sentence", "parameters": {}},
        {"id": 7, "parameters": {}},
        {"id": "finding-spike.sentence", "parameters": []},
        "text",
        None,
    ],
)
def test_a_message_that_does_not_say_what_the_sentence_says_is_not_believed(damage: Any) -> None:
    told = written(FOUND)
    told["messages"]["sentence"] = damage
    assert read_finding(told).sentence == quoted(told["sentence"])


def test_a_finding_of_no_known_severity_is_none() -> None:
    with pytest.raises(KeyError):
        read_finding({**written(FOUND), "severity": "dreadful"})


RISING = Cause("learning-rate", 0.65, message("because-grew-first", factor=math.inf))


@pytest.mark.parametrize("causes", [None, (), (RISING,), (RISING, Cause("beta2", 0.5, message("because-frozen")))])
def test_what_speaks_for_a_cause_comes_back(causes: tuple[Cause, ...] | None) -> None:
    finding = dataclasses.replace(FOUND, causes=causes)
    told = written(finding)
    assert ("causes" in told) == ("supported_causes" in told) == (causes is not None)
    back = read_finding(told)
    assert written(back) == told
    assert (back.supported_causes, back.cause_probabilities) == (finding.supported_causes, finding.cause_probabilities)
    assert [str(one.reason) for one in back.causes or ()] == [str(one.reason) for one in causes or ()]


def test_open_causes_come_back_with_what_speaks_for_them() -> None:
    finding = dataclasses.replace(FOUND, causes=(), open_causes=(Cause("beta2", None, message("because-frozen")),))
    assert read_finding(written(finding)).open_causes == finding.open_causes
    assert "open_causes" not in written(FOUND)


def test_a_cause_is_written_with_its_reason_in_english_and_as_data() -> None:
    told = written(dataclasses.replace(FOUND, causes=(RISING,)))
    reason = "the loss had grown to inf times its first value before"
    assert told["causes"] == [{"name": "learning-rate", "probability": 0.65, "reason": reason}]
    assert told["supported_causes"] == ["learning-rate"]
    assert told["messages"]["causes"] == [{"id": "because-grew-first", "parameters": {"factor": "inf"}}]
    del told["messages"]
    assert read_finding(told).causes == (Cause("learning-rate", 0.65, quoted(reason)),)


@pytest.mark.parametrize("supported", [[], ["learning-rate", "beta2"]])
def test_of_an_earlier_version_there_are_the_names_of_causes_alone(supported: list[str]) -> None:
    back = read_finding({**written(FOUND), "supported_causes": supported})
    assert back.causes == tuple(Cause(name, None) for name in supported)
    assert read_finding(written(back)).causes == back.causes


@pytest.mark.parametrize(
    ("written_causes", "causes"),
    [
        ("text", None),
        ([7, None], ()),
        ([{"name": 7, "probability": "likely", "reason": 3}], (Cause("7", None),)),
        ([{}], (Cause("", None),)),
    ],
)
def test_causes_of_another_kind_are_left_out(written_causes: Any, causes: tuple[Cause, ...] | None) -> None:
    assert read_finding({**written(FOUND), "causes": written_causes}).causes == causes


def test_what_a_finding_follows_comes_back() -> None:
    assert "follows" not in written(FOUND)
    finding = dataclasses.replace(FOUND, follows="gradient-carried")
    assert written(finding)["follows"] == "gradient-carried"
    assert read_finding(written(finding)).follows == "gradient-carried"
    assert read_finding({**written(FOUND), "follows": 7}).follows is None
