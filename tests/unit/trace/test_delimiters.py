"""How lines are cut into cells, and fields out of a message."""

import csv
import struct

import pytest

from newllm.trace.readers import delimiters
from newllm.trace.readers.delimiters import cutter
from newllm.trace.readers.protobuf import fields, number_of, signed


@pytest.mark.parametrize(
    ("lines", "cells"),
    [
        (["a,b", "1,2"], ["1", "2"]),
        (["a;b", "1;2"], ["1", "2"]),
        (["a  b", "1   2 "], ["1", "2"]),  # blanks of any kind
        (["a\tb c", "1\t2 3"], ["1", "2 3"]),
        (["a|b", "x", "1|2"], ["1", "2"]),  # most lines hold it
        (["a;b,c", "x;1,5", "1;2,5"], ["1", "2.5"]),  # a decimal comma
        (["a;b", "1.5;2", "1;2,5"], ["1", "2,5"]),  # not where points stand as well
        (['a,"b,c"', '1,"2,3"'], ["1", "2,3"]),
        (['a, "b"', '1, "2"'], ["1", "2"]),
        (["a b c", "1.500000-2.250000 1.2.3"], ["1.500000", "-2.250000", "1.2.3"]),  # columns too narrow for "%f"
        (["one"], ["one"]),
    ],
)
def test_lines_are_cut_by_what_most_of_them_hold(lines: list[str], cells: list[str]) -> None:
    assert cutter(lines)(lines[-1]) == cells


def test_columns_beyond_the_most_stay_one_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimiters, "MOST_COLUMNS", 2)
    assert cutter(["a,b,c,d"])("1,2,3,4") == ["1", "2", "3,4"]
    assert cutter(["a b c d"])("1 2 3 4") == ["1", "2", "3 4"]
    assert cutter(["a,b,c,d"])('"1",2,3,4') == ["1", "2", "3"]


def test_a_cell_longer_than_the_csv_module_takes_is_cut_as_it_stands() -> None:
    assert csv.field_size_limit() == 131_072  # nobody has changed it for all
    long = "x" * 200_000
    assert cutter(["a,b"])(f'"{long}",2') == [f'"{long}"', "2"]


def test_a_message_is_cut_into_its_fields() -> None:
    message = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d" + struct.pack("<f", 1.5) + b"\x21" + struct.pack("<d", 2.5)
    found = list(fields(message))
    assert found[:2] == [(1, 150), (2, b"hi")]
    assert [(place, number_of(content)) for place, content in found[2:]] == [(3, 1.5), (4, 2.5)]
    assert list(fields(b"\x82\x01\x00")) == [(16, b"")]
    assert list(fields(b"\x08" + b"\xff" * 9 + b"\x01")) == [(1, 2**64 - 1)]


@pytest.mark.parametrize(
    "message", [b"\x08", b"\x08\xff", b"\x12\x03hi", b"\x1d\0\0\0", b"\x0b", b"\x08" + b"\xff" * 10 + b"\x01"]
)
def test_what_breaks_off_is_no_message(message: bytes) -> None:
    with pytest.raises(ValueError, match="breaks off"):
        list(fields(message))


def test_numbers_of_fields() -> None:
    assert [signed(value) for value in (5, 2**63 - 1, 2**63, 2**64 - 1)] == [5, 2**63 - 1, -(2**63), -1]
    for content in (5, b"\0\0\0", b"\0" * 9):
        with pytest.raises(ValueError, match="4 or 8 bytes"):
            number_of(content)
