import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newllm.data import train_tokenizer
from newllm.errors import UserError
from newllm.generation.continuation import StopStrings
from newllm.generation.text_stream import TextStream
from newllm.generation.vocabulary import Vocabulary

utf8 = st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)
cuts = st.lists(st.integers(0, 60))
WORD = train_tokenizer("word", ["the größte cat sat".encode()], 100)


def pieces_of(whole, places):
    bounds = [0, *sorted(place for place in places if place < len(whole)), len(whole)]
    return [whole[start:stop] for start, stop in itertools.pairwise(bounds)]


@given(st.one_of(utf8, st.binary()), cuts)
@example("aé€🐋".encode(), list(range(20)))
@example(b"\xed\xa0\x80\xf0\x9f\x90x\xf0\x9f", list(range(20)))
def test_pieces_are_the_decoded_whole_however_it_is_cut(whole, places):
    stream = TextStream()
    text = "".join(stream.feed(piece) for piece in pieces_of(whole, places))
    assert len(stream.undecoded) <= 3
    assert text + stream.undecoded.decode("utf-8", "replace") == whole.decode("utf-8", "replace")


@given(utf8, cuts)
def test_a_stream_goes_on_from_what_another_held_back(whole, places):
    text, undecoded = "", b""
    for piece in pieces_of(whole, places):
        stream = TextStream(undecoded)
        text, undecoded = text + stream.feed(piece), stream.undecoded
    assert (text, undecoded) == (whole.decode(), b"")


def test_a_character_is_held_back_until_it_is_whole():
    stream = TextStream()
    assert [stream.feed(bytes([byte])) for byte in "é🐋".encode()] == ["", "é", "", "", "", "🐋"]


def cut_before_the_first_stop(text: str, stops: list[str]) -> str | None:
    """The naive twin: the first stop string to be complete, the longest of those."""
    for end in range(1, len(text) + 1):
        done = [stop for stop in stops if text[:end].endswith(stop)]
        if done:
            return text[: end - len(max(done, key=len))]
    return None


@given(st.text("ab", max_size=20), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), cuts)
@example("abcd", ["abcd", "bc"], [])
@example("aaab", ["aab"], [1, 2, 3])
def test_stop_strings_are_their_naive_twin_however_the_text_is_cut(text, stops, places):
    watch, shown = StopStrings(stops), ""
    for piece in pieces_of(text, places):
        shown += watch.feed(piece)
        if watch.found:
            break
    expected = cut_before_the_first_stop(text, stops)
    assert watch.found == (expected is not None)
    assert shown + watch.rest() == (text if expected is None else expected)


def test_only_what_may_become_a_stop_string_is_held_back():
    watch = StopStrings(["\nUser:"])
    assert [watch.feed(piece) for piece in ("Hello\nU", "nit", " one\nUs", "er", ": hi")] == [
        "Hello", "\nUnit", " one", "", ""
    ]  # fmt: skip
    assert watch.found
    assert watch.rest() == ""


def test_one_string_is_one_stop_string_and_an_empty_one_is_refused():
    watch = StopStrings("ab")
    assert watch.feed("a") + watch.feed("xab!") == "ax"
    with pytest.raises(UserError, match="''"):
        StopStrings(["a", ""])


def test_words_are_joined_by_blanks_as_the_tokenizer_joins_them():
    vocabulary = Vocabulary(WORD, WORD.vocab_size)
    ids = WORD.encode("the größte cat sat".encode()).tolist()
    streamed = b"".join(vocabulary.token_bytes(token, first=index == 0) for index, token in enumerate(ids))
    assert streamed == WORD.decode(ids) == "the größte cat sat".encode()


def test_only_text_and_the_end_may_be_chosen():
    words = Vocabulary(WORD, 1000).allowed_V
    assert words.nonzero().flatten().tolist() == list(range(3, WORD.vocab_size))
    assert Vocabulary(train_tokenizer("bytes", [], 1), 300).allowed_V.sum() == 257


@pytest.mark.parametrize("text", ["ab\udcff", "\ud800\n"])
def test_half_a_surrogate_pair_is_told_in_one_line(text):
    with pytest.raises(UserError, match=r"character \d is '\\ud") as told:
        Vocabulary(WORD, WORD.vocab_size).encode(text)
    assert "\n" not in str(told.value)


def test_a_tokenizer_that_is_too_large_is_refused():
    with pytest.raises(UserError, match="a model of 7 tokens cannot use a tokenizer of 8"):
        Vocabulary(WORD, 7)
