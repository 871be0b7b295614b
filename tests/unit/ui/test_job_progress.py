"""What a command tells of its progress, as the page shows it."""

import json
from typing import Any

import pytest

from newllm.messages import Catalogue, catalogue, message
from newllm.ui.job_progress import Progress, in_words, result_of

EN, JA = catalogue("en"), catalogue("ja")


def after(*events: dict[str, Any] | bytes, words: Catalogue = EN) -> dict[str, Any]:
    progress = Progress()
    for event in events:
        progress.take(event if isinstance(event, bytes) else json.dumps(event).encode())
    return progress.as_dict(words)


def tried(name: str = "sgd", **changed: Any) -> dict[str, Any]:
    known = {"event": "tried", "stage": "screened", "name": name, "outcome": "removes", "spiked": 0, "n": 2}
    return known | changed


PLANNED = {"event": "planned", "stage": "screen", "replays": 1200}
REPLAYED = {"event": "replayed", "stage": "screen", "name": "beta2", "replay": 2, "spiked": True, "seconds": 0.5}


def test_a_stage_and_its_replays() -> None:
    told = after(PLANNED)
    assert (told["stage"], told["done"], told["may"], told["newest"]) == ("screen", 0, 1200, None)
    told = after(PLANNED, REPLAYED, REPLAYED | {"name": "", "spiked": None})
    assert (told["stage"], told["done"], told["may"]) == ("screen", 2, 1200)
    assert told["newest"] == {"name": "", "replay": 2, "spiked": None}
    told = after(PLANNED, REPLAYED, {"event": "planned", "stage": "confirm", "replays": 8})
    assert (told["stage"], told["done"], told["may"], told["newest"]) == ("confirm", 0, 8, None)
    confirm = {"event": "planned", "stage": "confirm", "replays": 8}
    told = after(PLANNED, REPLAYED, confirm, REPLAYED | {"stage": "confirm"}, PLANNED, REPLAYED)
    assert (told["stage"], told["done"], told["may"]) == ("screen", 2, 1200)  # a stage that goes on counts on


def test_what_was_confirmed_and_what_helped_is_kept_the_newest_forty() -> None:
    told = after(
        tried(outcome="no effect"), tried("a"), tried("b", stage="confirmed", outcome="no effect", spiked=8, n=8)
    )
    assert told["tried"] == [
        {"stage": "screened", "name": "a", "outcome": "removes", "spiked": 0, "n": 2},
        {"stage": "confirmed", "name": "b", "outcome": "no effect", "spiked": 8, "n": 8},
    ]
    many = after(*(tried(f"n{number}") for number in range(41)))["tried"]
    assert [many[0]["name"], many[-1]["name"], len(many)] == ["n1", "n40", 40]


def test_what_is_noticed_is_noted_without_control_characters() -> None:
    told = after({"event": "noticed", "text": "it leaves the run at step 23\x1b[2J"})
    assert told["notes"] == [{"text": "it leaves the run at step 23\\x1b[2J", "lang": "en"}]
    notes = after(*({"event": "noticed", "text": f"line {number}" + "x" * 500} for number in range(41)))["notes"]
    assert [notes[0]["text"][:8], len(notes)] == ["line 1xx", 40]
    assert 398 <= len(notes[0]["text"]) <= 400


TEXT = "the replay parts from the run at step 23: finding out what differs"


def test_what_is_noticed_is_in_the_pages_language_where_it_comes_as_data() -> None:
    said = message("notice-leaves", step=23).as_dict()
    event = {"event": "noticed", "text": TEXT, "message": said}
    assert after(event)["notes"] == [{"text": event["text"], "lang": "en"}]
    (note,) = after(event, words=JA)["notes"]
    assert note["lang"] == "ja"
    assert note["text"].startswith("リプレイがステップ23で")
    for unknown in ({"id": "notice-new", "parameters": {}}, {"id": "notice-leaves", "parameters": {}}, [], None):
        assert after(event | {"message": unknown}, words=JA)["notes"] == [{"text": event["text"], "lang": "en"}]


@pytest.mark.parametrize(
    "line",
    [b"", b"screen: up to 40 replays", b"3", b"[]", b'{"event": "planned"}', b'{"event": "else"}', b"[" * 100_000,
     b'{"event": "planned", "stage": "confirm", "replays": "many"}', b'{"event": "replayed", "stage": "conf', b"\xff",
     b'{"event": "tried", "stage": "confirmed", "name": "a", "outcome": "removes", "spiked": null, "n": 2}'],
)  # fmt: skip
def test_what_is_no_event_changes_nothing(line: bytes) -> None:
    assert after(PLANNED, line) == after(PLANNED)


@pytest.mark.parametrize(("null", "identical"), [({"identical": True}, True), ({"identical": False}, False), (3, None)])
def test_a_replay_comes_to_sentences(null: Any, identical: bool | None) -> None:
    told = in_words(result_of("replay", {"sentences": ["One.", 3, "t" * 3000], "null": null}), JA)
    assert told["identical"] is identical
    assert told["sentences"][0] == {"text": "One.", "lang": "en"}
    assert 1998 <= len(told["sentences"][1]["text"]) <= 2000
    assert result_of("replay", {})["sentences"] == []


def test_a_replays_sentences_are_in_the_pages_language_where_they_come_as_data() -> None:
    told = [message("helps-untried"), message("cause-none")]
    said = [one.as_dict() for one in told]
    result = result_of("replay", {"sentences": [*map(str, told)], "messages": {"sentences": said}})
    assert in_words(result, EN)["sentences"][0] == {"text": "No change was tried.", "lang": "en"}
    assert in_words(result, JA)["sentences"] == [
        {"text": "試した変更はない。", "lang": "ja"},
        {"text": "原因は示されていない。", "lang": "ja"},
    ]


def test_a_doctor_comes_to_counts() -> None:
    found = [{"severity": "fault"}, {"severity": "note"}, {"severity": "note"}, 3]
    told = result_of("doctor", {"findings": found, "judged": True})
    assert told == {"judged": True, "counts": {"fault": 1, "warning": 0, "note": 2}}
    assert result_of("doctor", {"judged": 1}) == {"judged": False, "counts": {"fault": 0, "warning": 0, "note": 0}}
