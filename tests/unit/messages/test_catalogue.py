"""The catalogue: what a message may hold, and what is said of one that is not as it should be."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from newllm.messages import Message, message
from newllm.messages.catalogue import FOLDER, Catalogue

TEXT = """# A comment = is none
points = { $n ->
    [one] { COUNT($n) } point
   *[other] { COUNT($n) } points
}
spike =
    .sentence = { $signal } rises to { G($peak) } at { $axis } { $step }{ $expected ->
        [yes] , as planned
       *[no] {""}
    }
share = { PERCENT($x) } %, { FIXED($x, digits: 2) }, { G($x, digits: 2) }
brace = { "{" }x{ "}" }
exact = { EXACT($x) } { G($x) }
list = ,{ " " }
list-last = { " " }and{ " " }
removes = { $what } removes it, as { $names } do
term-plain-depth = no branches
cause = { CAPITAL($why) } { CLAUSE($why) }: { NAMED($cause, kind: "term") }
price = if kept: { LOWER($why) }
"""


@pytest.fixture
def words(tmp_path: Path) -> Catalogue:
    (tmp_path / "some.ftl").write_text(TEXT, encoding="utf-8")
    return Catalogue("en", tmp_path)


def test_numbers_are_written_as_the_message_says(words: Catalogue) -> None:
    assert words("share", x=0.12345) == "12 %, 0.12, 0.12"
    assert words("points", n=1) == "1 point"
    assert words("points", n=12345) == "12,345 points"
    assert words("spike.sentence", signal="loss", peak=float("nan"), axis="step", step=12345, expected=False) == (
        "loss rises to nan at step 12345"
    )


def test_a_message_is_put_into_words_with_its_parameters(words: Catalogue) -> None:
    said = message("spike.sentence", signal="loss", peak=1.23456, axis="epoch", step=19, expected=True)
    assert words.text(said) == "loss rises to 1.235 at epoch 19, as planned"


def test_a_message_holds_messages_and_lists(words: Catalogue) -> None:
    price = message("price", why="The norm")
    assert words("removes", what=price, names=["a", "b", price]) == (
        "if kept: the norm removes it, as a, b and if kept: the norm do"
    )
    assert words("removes", what="x", names=("a",)) == "x removes it, as a do"
    assert words("removes", what="x", names=[]) == "x removes it, as  do"


def test_names_are_written_as_a_message_of_their_own_says(words: Catalogue) -> None:
    assert words("cause", why="it grew.", cause="plain-depth") == "It grew. it grew: no branches"
    assert words("cause", why="It grew.", cause="share") == "It grew. it grew: share"
    assert words("cause", why="It grew.", cause="a.b { $x }") == "It grew. it grew: a.b { $x }"


def test_a_word_in_the_place_of_a_number_stays(words: Catalogue) -> None:
    assert words("exact", x=0.1 + 0.2) == "0.30000000000000004 0.3"
    assert words("exact", x="nan") == "nan nan"
    assert words("share", x="?") == "? %, ?, ?"


def test_a_message_is_the_same_after_a_file() -> None:
    inner = message("price", why="x")
    said = message("removes", what=inner, names=["a", "b"], n=3, p=0.25, sure=True, none=None)
    assert Message.from_dict(json.loads(json.dumps(said.as_dict()))) == said
    assert message("exact", x=math.inf).as_dict() == {"id": "exact", "parameters": {"x": "inf"}}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"id": 1, "parameters": {}},
        {"id": "a", "parameters": []},
        {"id": "a", "parameters": {"x": {}}},
        {"id": "a", "parameters": {"x": [{}]}},
    ],
)
def test_what_is_no_message_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="no message"):
        Message.from_dict(data)


def test_messages_within_messages_end_somewhere() -> None:
    deep: dict[str, Any] = {"id": "a", "parameters": {}}
    for _ in range(6):
        deep = {"id": "a", "parameters": {"x": deep}}
    with pytest.raises(ValueError, match="no message"):
        Message.from_dict(deep)


def test_of_a_very_long_text_the_middle_is_left_out(words: Catalogue) -> None:
    said = words("price", why="a" + 5000 * "x" + "b")
    assert said.startswith("if kept: axx")
    assert said.endswith("xxb")
    assert "x...x" in said
    assert words("price", why="a" + 2300 * "x") == "if kept: a" + 2300 * "x"


def test_what_is_missing_is_named(words: Catalogue) -> None:
    with pytest.raises(KeyError, match="'none' is not in the messages of 'en'"):
        words("none")
    with pytest.raises(KeyError, match=r"'spike\.none'"):
        words("spike.none")
    with pytest.raises(KeyError, match="'spike'"):
        words("spike")  # it has attributes only
    with pytest.raises(ValueError, match=r"spike\.sentence.*signal"):
        words("spike.sentence", peak=1.0, axis="step", step=1, expected=False)


def test_names_from_a_log_may_be_anything(words: Catalogue) -> None:
    assert words.get("signal-a/b.c d{ $x }") is None
    assert words.get("brace") == "{x}"
    assert "spike.sentence" in words
    assert "spike" not in words


def test_a_template_has_its_parameters_in_braces(words: Catalogue) -> None:
    assert words.template("brace") == "{x}"
    words_of = Catalogue("en", FOLDER / "en")
    assert words_of.template("ui-ago_s") == "{n} s ago"


def test_a_message_that_stands_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.ftl").write_text("same = text\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"b\.ftl: the message 'same' is there twice"):
        Catalogue("en", tmp_path)


def test_a_value_that_looks_like_fluent_is_put_in_as_it_is(words: Catalogue) -> None:
    hostile = '{ $x } { "a" }\n.y = z'
    said = words("spike.sentence", signal=hostile, peak=1.0, axis="step", step=1, expected=False)
    assert said.startswith(hostile)
