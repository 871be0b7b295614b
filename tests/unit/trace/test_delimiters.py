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


ALIGNED = """   step       loss         lr       eval
60384 parameters, 39 characters, 112351 in the text
      1    3.78325   7.50e-05
     10    3.33757   7.50e-04
     50    2.65535   3.00e-03
     50    2.61071               2.62094
""".splitlines()


def test_cells_that_are_left_out_of_a_table_set_to_the_right_are_empty() -> None:
    cut = cutter(ALIGNED)
    assert cut(ALIGNED[0]) == ["step", "loss", "lr", "eval"]
    assert cut(ALIGNED[1]) == [ALIGNED[1]]
    assert cut(ALIGNED[2]) == ["1", "3.78325", "7.50e-05", ""]
    assert cut(ALIGNED[5]) == ["50", "2.61071", "", "2.62094"]


@pytest.mark.parametrize("row", ["1 2.5 0.1", "12 2.4 0.1"])
def test_columns_that_only_blanks_part_have_no_place(row: str) -> None:
    assert cutter(["step loss lr eval", "1 2.5 0.1 3.0", row, row])(row) == row.split()
