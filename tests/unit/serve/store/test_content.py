"""The bytes of a response: a safetensors file that others can read, and no byte of which may change."""

import contextlib
import json

import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

from newllm.serve.store.content import packed, unpacked
from newllm.serve.store.store import DamagedError, StoredResponse

NAME = f"{'0' * 32}/resp_{'1' * 32}"
CONTENT = packed(NAME, {"text": "hello", "n": [1, 2.5]}, b"the state")
NAMES = st.sampled_from(["__metadata__", "state", "sha256", "newllm_response", "dtype", "data_offsets"])
HEADERS = st.recursive(
    st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)
)


def test_it_is_a_safetensors_file(tmp_path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    with safetensors.safe_open(str(tmp_path / "file"), framework="np") as file:
        assert file.get_tensor("state").tobytes() == b"the state"
        assert json.loads(file.metadata()["newllm_response"]) == {"text": "hello", "n": [1, 2.5]}


def test_no_bit_may_flip() -> None:
    """Blanks that fill the header up are the one thing that may change: they say nothing."""
    believed = []
    for at in range(8 * len(CONTENT)):
        damaged = bytearray(CONTENT)
        damaged[at // 8] ^= 1 << at % 8
        with contextlib.suppress(DamagedError):
            assert unpacked(NAME, bytes(damaged)) == StoredResponse({"text": "hello", "n": [1, 2.5]}, b"the state")
            believed.append(CONTENT[at // 8])
    assert set(believed) <= {ord(" ")}


@given(st.binary())
def test_anything_else_is_damaged(content) -> None:
    with pytest.raises(DamagedError):
        unpacked(NAME, content)


@given(HEADERS)
def test_so_is_any_other_header(header) -> None:
    text = json.dumps(header).encode()
    with pytest.raises(DamagedError):
        unpacked(NAME, len(text).to_bytes(8, "little") + text)


def test_so_is_a_header_nested_too_deep() -> None:
    text = b"[" * 200_000
    with pytest.raises(DamagedError, match="its header cannot be read"):
        unpacked(NAME, len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize("name", [f"{'2' * 32}/resp_{'1' * 32}", f"{'0' * 32}/resp_{'2' * 32}"], ids=["owner", "id"])
def test_nobody_believes_it_under_another_name(name) -> None:
    with pytest.raises(DamagedError, match="it is not what was written"):
        unpacked(name, CONTENT)
