"""Which beginning of a chat is known."""

import pytest

from newllm.serve.conversations import Asker, Conversations

ME, YOU, NEWER = Asker("a", "1"), Asker("b", "1"), Asker("a", "2")


def test_the_longest_known_beginning_is_found() -> None:
    known = Conversations()
    known.put(ME, "User: a", b"1")
    known.put(ME, "User: a\nBot: é", b"2")
    known.put(ME, "User: b\nBot: c\nUser: a", b"3")
    assert known.longest(ME, "User: a\nBot: é\nUser: c") == (len("User: a\nBot: é"), b"2")
    assert known.longest(ME, "User: a\nBot: é") == (len("User: a\nBot: é"), b"2")
    assert known.longest(ME, "User: a\nBot: e") == (len("User: a"), b"1")
    assert known.longest(ME, "User: c") == known.longest(ME, "") == (0, b"")


@pytest.mark.parametrize("other", [YOU, NEWER])
def test_nobody_else_goes_on_from_it(other: Asker) -> None:
    known = Conversations()
    known.put(ME, "a", b"1")
    known.put(other, "ab", b"2")
    assert known.longest(ME, "abc") == (1, b"1")
    assert known.longest(other, "abc") == (2, b"2")
    assert known.longest(other, "a") == (0, b"")


def test_the_least_recently_used_goes_first() -> None:
    known = Conversations(most_bytes=3 * 500)
    for text in "abc":
        known.put(ME, text, bytes(100))
    assert known.longest(ME, "a1")[0] == 1  # used
    known.put(ME, "d", bytes(100))
    assert [known.longest(ME, text)[0] for text in "abcd"] == [1, 0, 1, 1]
    known.put(ME, "d", bytes(50))  # in the place of the one before
    assert known.bytes == 3 * 500 - 50
    known.put(ME, "e", bytes(1500))
    assert known.bytes == 0
    assert not known._lengths
    assert known.longest(ME, "a") == (0, b"")
