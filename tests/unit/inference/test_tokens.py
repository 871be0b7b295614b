"""The ids of a text that is made tokens piece by piece."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newllm.errors import UserError
from newllm.inference import tokens as pieces
from newllm.inference.preparing import at_once

PARTS = st.lists(
    st.sampled_from(["the", " cat", " ", "\n", "  ", "猫", "🐈", "é", ".", "'s", "\u03a3", "\t"]), max_size=30
)


@pytest.fixture(scope="module", params=["bytes", "bpe", "word"])
def tokens(request: pytest.FixtureRequest, serve: Callable[..., Any]) -> Any:
    return serve(request.param).batch._tokens


@given(PARTS.map("".join), st.integers(1, 20))
def test_pieces_have_the_ids_of_the_whole(tokens: Any, text: str, size: int) -> None:
    whole = tokens._vocabulary.encode(text).tolist()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pieces, "_PIECE", size)
        assert at_once(tokens.encoding(text)).tolist() == whole
        for at in range(len(text)):
            rest = text[:at].encode()
            assert tokens.can_read(rest)
            assert at_once(tokens.encoding(text[at:], rest)).tolist() == whole


def test_a_rest_may_begin_inside_a_character(serve: Callable[..., Any]) -> None:
    for name in ("bytes", "bpe"):
        tokens = serve(name).batch._tokens
        for rest in ("猫 cat".encode()[1:], b"\xff", b"a\xe7\x8c", "🐈".encode()[2:]):
            ids = at_once(tokens.encoding(" the", rest)).tolist()
            assert b"".join(tokens.bytes_of(token, first=False) for token in ids) == rest + b" the"


def test_there_is_a_pause_after_each_piece(tokens: Any) -> None:
    assert len(list(tokens.encoding("the cat " * 50_000))) == 7
    assert list(tokens.encoding("")) == []
    with pytest.raises(UserError, match=r"character 7 is '.ud800'"):
        at_once(tokens.encoding("the cat\ud800"))
