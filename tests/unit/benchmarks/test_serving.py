"""What the clients of the serving benchmark count, and its arithmetic."""

import asyncio

import pytest

from clients import Stream, quantiles
from sessions import arithmetic

MARK = b'"finish_reason":null'
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
TOKEN = b'data: {"choices":[{"text":"a","finish_reason":null}],"usage":null}\n\n'
END = b'data: {"choices":[{"text":"","finish_reason":"length"}]}\n\ndata: {"usage":{"completion_tokens":3}}\n\n'


def heard(content: bytes, piece: int) -> Stream:
    """Return a stream that got an answer in pieces of so many bytes."""
    stream = Stream(b"", MARK, 0.0, asyncio.Event())
    for at in range(0, len(content), piece):
        stream.data_received(content[at : at + piece])
    stream.connection_lost(None)
    return stream


@pytest.mark.parametrize("piece", [1, 2, 7, 19, 20, 21, 64, 10_000])
def test_each_token_counts_once_wherever_pieces_are_cut(piece: int) -> None:
    stream = heard(HEAD + 3 * TOKEN + END, piece)
    assert len(stream.times) == 3
    assert stream.tokens == 3
    assert stream.error is None


def test_tokens_are_those_that_the_server_says_where_events_hold_several() -> None:
    assert heard(HEAD + TOKEN + END, 50).tokens == 3


def test_an_answer_without_its_end_is_an_error() -> None:
    assert heard(HEAD + 3 * TOKEN, 50).error == "ended without a reason"


def test_a_refusal_is_an_error_that_names_its_status() -> None:
    assert heard(b"HTTP/1.1 429 Too Many Requests\r\n\r\n{}", 50).error == "HTTP/1.1 429 Too Many Requests"


def test_a_stream_that_nobody_ended_is_an_error() -> None:
    stream = Stream(b"", MARK, 0.0, asyncio.Event())
    stream.data_received(HEAD + TOKEN)
    assert stream.error == "not finished in time"


def test_quantiles_are_milliseconds() -> None:
    assert quantiles([i / 1000 for i in range(1000)]) == {"p50": 499.5, "p99": 990.0, "most": 999.0}


def test_a_cache_grows_with_its_text_and_ours_does_not() -> None:
    found = arithmetic(16_392, layers=4, width=256, key_heads=1, heads=4)
    assert found["gpt2_float32"][8192] == 2 * 4 * 256 * 4 * 8192
    assert found["llama_1_of_4_key_heads_float16"][8192] == found["gpt2_float32"][8192] // 8
    assert found["sessions_a_GiB_at_8192"] == {"newllm": 65_504, "gpt2_float16": 32}
