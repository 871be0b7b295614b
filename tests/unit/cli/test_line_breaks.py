"""Where lines of Japanese end on a terminal: none begins with what may not stand first, and nothing is lost."""

# ruff: noqa: RUF001 (Japanese has its own brackets)

import io

import pytest
from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from newllm.cli.line_breaks import _NOT_FIRST, _NOT_LAST, broken
from newllm.cli.paper import LineConsole

TEXT = (
    "ステップ39で訓練損失が傾向から上に外れた（5.36から10.42へ、+5.06 nat。ピークはステップ43）。"
    "シードを変えても「再現する」（6回中6回）。half-learning-rateはスパイクをなくすが、学習率が「高すぎる」とは言えない…。チェックすること！"
)


@pytest.mark.parametrize("width", range(8, 130))
def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one(width: int) -> None:
    lines = broken(Text(TEXT), width).plain.split("\n")
    assert "".join(lines) == TEXT
    assert all(cell_len(line.rstrip()) <= width for line in lines)
    assert [line for line in lines if line[0] in _NOT_FIRST or line.rstrip()[-1] in _NOT_LAST] == []
    assert all(cell_len(line.rstrip()) > width - 20 for line in lines[:-1])  # as full as a Latin word allows
    if width >= len("half-learning-rate"):
        assert any("half-learning-rate" in line for line in lines)


@pytest.mark.parametrize("width", [4, 5, 6, 7])
def test_where_there_is_no_room_for_a_rule_nothing_is_lost(width: int) -> None:
    lines = broken(Text("（（「「あ」」））。。。" + TEXT), width).plain.split("\n")
    assert "".join(lines) == "（（「「あ」」））。。。" + TEXT
    assert all(cell_len(line.rstrip()) <= width for line in lines)


def test_other_texts_are_left_to_rich_and_styles_stay() -> None:
    plain = Text("spikes at step 39, " * 20)
    assert broken(plain, 40) is plain
    short = Text("短い。")
    assert broken(short, 6) is short
    styled = broken(Text.assemble(("あいう", "bold"), "えお。", style="red"), 6)
    assert styled.plain == "あいう\nえお。"
    assert [(span.start, span.end) for span in styled.spans if span.style == "bold"] == [(0, 3)]
    assert broken(Text("あい\n\nうえ"), 2).plain == "あ\nい\n\nう\nえ"


@pytest.mark.parametrize("width", [20, 33, 50, 80])
def test_pages_are_broken_so_wherever_a_text_stands(width: int) -> None:
    stream = io.StringIO()
    console = LineConsole(stream, width=width)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=4, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("根拠", TEXT)
    grid.add_row("原因", Text(TEXT))
    for page in (TEXT, Text(TEXT), Padding(Text(TEXT), (0, 0, 0, 2)), grid):
        console.print(page)
    lines = [line.removeprefix("根拠").removeprefix("原因").strip() for line in stream.getvalue().splitlines()]
    assert "".join(lines).replace(" ", "") == TEXT.replace(" ", "") * 5
    assert [line for line in lines if line[0] in _NOT_FIRST or line[-1] in _NOT_LAST] == []
    assert max(map(cell_len, stream.getvalue().splitlines())) <= width


def test_what_may_not_be_wrapped_is_not() -> None:
    stream = io.StringIO()
    console = LineConsole(stream, width=20)
    console.print(TEXT, soft_wrap=True)
    console.print(Padding(Text(TEXT, no_wrap=True, overflow="ellipsis")))
    whole, cut = stream.getvalue().splitlines()
    assert whole == TEXT
    assert cell_len(cut) <= 20
