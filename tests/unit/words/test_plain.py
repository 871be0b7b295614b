import pytest
from hypothesis import given
from hypothesis import strategies as st

from newllm.words.plain import LONGEST, plain


@given(st.text(st.characters(), max_size=600), st.integers(10, 700))
def test_what_comes_out_can_be_printed_anywhere(text: str, longest: int) -> None:
    shown = plain(text, longest)
    assert shown.isprintable()
    assert len(shown) <= longest
    shown.encode("utf-8")
    assert plain(shown, longest) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("loss", "loss"),
        ("Verlust 損失 é", "Verlust 損失 é"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("a\tb\r\nc\u2028d\u00a0e", "a b  c d e"),
        ("half \ud800 a pair", r"half \ud800 a pair"),
        ("[red]not markup[/red] <b>nor this</b>", "[red]not markup[/red] <b>nor this</b>"),
    ],
)
def test_control_characters_become_escapes(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_the_middle_of_a_long_text_is_left_out() -> None:
    shown = plain("a" * 10**6 + "b" * 10**6)
    assert len(shown) <= LONGEST
    assert shown.startswith("aaa")
    assert shown.endswith("bbb")
    assert "..." in shown
