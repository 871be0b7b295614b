"""A file that carries its checksum is read as it was written, or not at all."""

import hashlib
import json
import math
from pathlib import Path

import pytest

from newllm.checksum import opened, read_checked, sealed, write_checked

CONTENT = {"schema": 1, "a": [1.5, -0.0, 1e300, math.nan], "é": "text", "inner": {"sha256": "x", 7: None}}


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    place = tmp_path / "file.json"
    write_checked(place, CONTENT)
    there = {"schema": 1, "a": [1.5, -0.0, 1e300, None], "é": "text", "inner": {"sha256": "x", "7": None}}
    assert opened(place.read_bytes()) == there
    assert opened(json.dumps(json.loads(place.read_bytes()), indent=7)) == there  # only its blanks are others
    assert opened(sealed({})) == {}


def test_the_checksum_stands_last_and_is_that_of_the_content_before_it(tmp_path: Path) -> None:
    digest = hashlib.sha256(b'{"a": [1, null]}').hexdigest()
    assert sealed({"a": [1, math.inf]}) == f'{{"a": [1, null], "sha256": "{digest}"}}\n'.encode()
    write_checked(tmp_path / "a", {"a": [1, math.nan]})
    assert (tmp_path / "a").read_text() == f'{{\n  "a": [\n    1,\n    null\n  ],\n  "sha256": "{digest}"\n}}\n'
    assert read_checked(tmp_path / "a") == {"a": [1, None]}
    with pytest.raises(OSError, match="larger"):
        read_checked(tmp_path / "a", 10)


def test_every_flipped_bit_is_refused_or_says_the_same() -> None:
    raw, there = sealed(CONTENT, indent=1), opened(sealed(CONTENT))
    survived = 0
    for at in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[at // 8] ^= 1 << at % 8
        try:
            assert opened(bytes(damaged)) == there
            survived += 1
        except ValueError:
            pass
    assert survived < 40  # a blank that has become another


def test_a_file_from_before_there_were_checksums_is_read() -> None:
    for old in ({"schema": 1}, {"fingerprint": "ab" * 32}, {}):
        assert opened(json.dumps(old)) == old


@pytest.mark.parametrize("bad", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000, b'{"a": 1, "sha256": "00"}'])
def test_what_is_none_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (which of them it is does not matter)
        opened(bad)
