import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newllm.words.tables import csv_table, markdown_table

tables = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(st.text(), min_size=n, max_size=n), min_size=1))


def test_a_markdown_table_lines_up() -> None:
    found = markdown_table(("arm", "n"), [("baseline", "10"), ("zero-context", "9")])
    assert found == (
        "| arm          | n   |\n"
        "| ------------ | --- |\n"
        "| baseline     | 10  |\n"
        "| zero-context | 9   |"
    )  # fmt: skip
    assert markdown_table(["a"], []) == "| a   |\n| --- |"


def test_a_bar_or_a_line_break_does_not_break_a_row() -> None:
    assert markdown_table(["a"], [["x|y\nz"]]).splitlines()[2] == r"| x\|y z |"
    assert markdown_table(["a"], [["x\\|y"]]).splitlines()[2] == r"| x\\\|y |"


@given(tables)
def test_a_markdown_table_has_a_line_a_row_and_its_cells(table: list[list[str]]) -> None:
    lines = markdown_table(table[0], table[1:]).split("\n")
    assert len(lines) == len(table) + 1
    for line in lines:
        bare = re.sub(r"\\.", "", line)  # what a reader of Markdown takes as escaped
        assert bare.count("|") == len(table[0]) + 1
    assert len({len(line) for line in lines}) == 1


@given(tables)
def test_a_csv_table_is_read_back_as_it_was(table: list[list[str]]) -> None:
    text = csv_table(table[0], table[1:])
    expected = [[re.sub("\r\n?", "\n", cell) for cell in row] for row in table]
    assert list(csv.reader(io.StringIO(text, newline=""))) == expected


def test_a_csv_table_has_plain_line_ends() -> None:
    assert csv_table(["a", "b"], [["1", "x,y"], ["2", 'say "z"']]) == 'a,b\n1,"x,y"\n2,"say ""z"""\n'


def test_a_row_of_another_length_is_refused() -> None:
    for write in (markdown_table, csv_table):
        with pytest.raises(ValueError, match="a row of 1 cells under 2 columns"):
            write(["a", "b"], [["1"]])
