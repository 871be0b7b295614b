"""The catalogue: what a message may hold, and what is said of one that is not as it should be."""

from pathlib import Path

import pytest

from newllm.messages.catalogue import Catalogue
from newllm.trace.message import message

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
    words_of = Catalogue("en", Path(__file__).parents[3] / "src/newllm/messages/en")
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
