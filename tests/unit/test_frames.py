"""Frames: what is written is read, on a pipe and by asyncio; what is no frame is a ValueError that says why."""

import asyncio
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm import frames
from newllm.frames import Frame, encode_frame, read_frame, read_frame_async, write_frame

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_HEADERS = st.dictionaries(st.text(), _VALUES)


def plain(content: bytes) -> list[Frame]:
    stream, read = io.BufferedReader(io.BytesIO(content)), []
    while (frame := read_frame(stream)) is not None:
        read.append(frame)
    return read


def by_asyncio(content: bytes) -> list[Frame]:
    async def read_all() -> list[Frame]:
        stream, read = asyncio.StreamReader(), []
        stream.feed_data(content)
        stream.feed_eof()
        while (frame := await read_frame_async(stream)) is not None:
            read.append(frame)
        return read

    return asyncio.run(read_all())


BOTH = pytest.mark.parametrize("read", [plain, by_asyncio])


@BOTH
@settings(max_examples=30)
@given(sent=st.lists(st.tuples(_HEADERS, st.binary(max_size=300)), max_size=3))
def test_what_is_written_is_read(read, sent: list[Frame]) -> None:
    stream = io.BytesIO()
    for header, blob in sent:
        write_frame(stream, header, blob)
    assert read(stream.getvalue()) == sent


@BOTH
def test_half_a_surrogate_pair_comes_through(read) -> None:
    assert read(encode_frame({"text": "a\ud800"})) == [({"text": "a\ud800"}, b"")]


@BOTH
@pytest.mark.parametrize("kept", [1, 7, 8, 20, -1])
def test_an_end_inside_a_frame_is_told(read, kept: int) -> None:
    whole = encode_frame({"id": 1, "text": "the whale"}, b"blob")
    with pytest.raises(ValueError, match="the stream ends inside a frame: "):
        read((whole + whole)[: len(whole) + kept if kept > 0 else kept])


@BOTH
@pytest.mark.parametrize(
    "header",
    [b"", b"{", b"[1]", b"7", b'"id"', b"null", b"\xff\xfe{}", b'{"id": NaN}', b'{"id": Infinity}',
     b"[" * 100_000, b'{"id": ' + b"1" * 5000 + b"}"],
    ids=lambda header: header[:12].decode(errors="replace"),
)  # fmt: skip
def test_garbage_is_told_in_one_short_line(read, header: bytes) -> None:
    with pytest.raises(ValueError, match="a frame's header is no JSON") as caught:
        read(frames.frame_of(header, b"blob"))
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@BOTH
@pytest.mark.parametrize(("lengths", "what"), [((128 * 2**20 + 1, 0), "header"), ((2, 2**30 + 1), "blob")])
def test_what_is_too_long_is_refused_before_it_is_read(read, lengths: tuple[int, int], what: str) -> None:
    with pytest.raises(ValueError, match=f"a frame's {what} of "):
        read(b"".join(length.to_bytes(4, "little") for length in lengths) + b"{}")


def test_what_is_too_long_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LONGEST_HEADER", 100)
    monkeypatch.setattr(frames, "LONGEST_BLOB", 10)
    assert encode_frame({"t": "a" * 92}, b"b" * 10)
    with pytest.raises(ValueError, match="a frame's header of 101 bytes: at most 100"):
        encode_frame({"t": "a" * 93})
    with pytest.raises(ValueError, match="a frame's blob of 11 bytes: at most 10"):
        encode_frame({}, b"b" * 11)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_has_not_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_frame({"number": number})


def test_the_bytes_are_those_of_the_format() -> None:
    header = json.dumps({"op": "cancel", "id": 3}, separators=(",", ":")).encode()
    assert encode_frame({"op": "cancel", "id": 3}, b"xy") == bytes([22, 0, 0, 0, 2, 0, 0, 0]) + header + b"xy"
