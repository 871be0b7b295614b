import re

import numpy as np
import pytest

from newllm.messages import catalogue
from newllm.report.charts.chart import Curves, Heat, Line, Mark
from newllm.report.charts.figure import described, figure, span

EN = catalogue("en")


def curves(*lines: Line, **about: object) -> Curves:
    return Curves("loss", "Loss", "step", "nats", lines, **about)  # pyrefly: ignore


def line(y: object, x: object = None, name: str = "loss", **about: object) -> Line:
    values = np.asarray(y, dtype=float)
    return Line(name, name, "training", np.arange(len(values)) if x is None else np.array(x), values, **about)  # pyrefly: ignore


def rows(html: str) -> list[list[str]]:
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


def test_a_short_line_has_a_row_for_each_point_and_gaps_where_another_has_none() -> None:
    table = rows(figure(curves(line([3, 2.5]), line([9.0], [1], "validation")), EN))
    assert table == [["step", "loss", "validation"], ["0", "3", ""], ["1", "2.5", "9"]]


def test_a_long_line_has_sixty_rows_and_its_spike_and_what_is_not_finite_stand_in_them() -> None:
    y = np.ones(100_000)
    y[777], y[50_000], y[50_001] = 123.0, np.nan, np.inf
    head, *table = rows(figure(curves(line(y)), EN))
    assert (head, len(table)) == (["step", "loss"], 60)
    assert table[0] == ["0 to 1,665", "1 to 123"]
    assert [row for row in table if "NaN" in row[1]] == [["50,000 to 51,665", "1, NaN, infinite"]]
    assert table[-1][0].endswith("99,999")


def test_lines_that_end_early_have_nothing_in_later_rows() -> None:
    table = rows(figure(curves(line(np.ones(500)), line(np.ones(100), name="short")), EN))
    assert table[-1][2] == ""
    assert table[1][2] == "1"


def test_of_many_faint_lines_only_the_others_are_told() -> None:
    faint = [line([1.0, 2.0], name=f"run-{at}", faint=True) for at in range(20)]
    assert rows(figure(curves(*faint, line([1.0, 3.0], name="mean")), EN))[0] == ["step", "mean"]


def test_a_picture_is_described() -> None:
    y = np.ones(50)
    y[7] = 9
    said = described(curves(line(y), marks=(Mark(5, 9, "fault", "spike"),)), EN)
    for part in ("Loss (nats).", "highest 9 at step 7", "Marked: spike 5 to 9."):
        assert part in said
    assert "not one finite value" in described(curves(line([np.nan])), EN)


def test_a_map_has_a_row_for_each_of_its_rows() -> None:
    values = np.array([[1.0, 5.0, 2.0], [np.nan, np.nan, np.nan]])
    heat = Heat("map", "Map", "step", "", np.array([10, 20, 30]), ("first", "second"), values)
    head, *table = rows(figure(heat, EN))
    assert head[-1] == "highest at step"
    assert table == [["first", "1", "2", "1", "5", "20"], ["second", "", "", "", "", ""]]
    assert "2 rows by 3 columns" in described(heat, EN)


@pytest.mark.parametrize("lines", [(), (line([]),)])
def test_nothing_to_draw_is_no_error(lines: tuple[Line, ...]) -> None:
    assert 'data-chart="loss"' in figure(curves(*lines), EN)


def test_titles_are_escaped() -> None:
    html = figure(Curves('a"b', "<b>", "<i>", "<u>", (line([1.0], name="<script>"),), about="<s>"), EN)
    assert not re.search(r"<(b|i|u|s|script)>", html)
    assert 'data-chart="a&quot;b"' in html


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [(19, 22, "19 to 22"), (19.0, 19.0, "19"), (2.25, 2.5, "2.25 to 2.5"), (1000.0, 25000.0, "1,000 to 25,000"),
     (0.25, 0.25, "0.25")],
)  # fmt: skip
def test_a_stretch_is_told_by_its_ends(first: float, last: float, said: str) -> None:
    assert span(first, last, EN) == said


def test_sixty_points_have_a_row_each_and_sixty_one_stretches() -> None:
    for count, first in ((60, ["0", "1"]), (61, ["0", "1"]), (120, ["0 to 1", "1"])):
        table = rows(figure(curves(line(np.ones(count))), EN))
        assert (len(table), table[1]) == (61, first)
    assert rows(figure(curves(line(np.ones(61))), EN))[-1] == ["59 to 60", "1"]


def test_what_is_not_finite_is_told_with_the_picture() -> None:
    said = described(curves(line([np.nan, 4.0, 1.0, np.inf, 2.0], [1.5, 2.5, 3, 4, 5])), EN)
    for part in ("from 4 to 2", "lowest 1 at step 3", "highest 4 at step 2.5", "2 values are not finite"):
        assert part in said
    assert "not finite" not in described(curves(line([4.0, 2.0])), EN)


def test_a_long_line_is_followed_from_before_and_to_behind_it() -> None:
    long = line(np.ones(3000), np.arange(100, 3100))
    table = rows(figure(curves(long, line([2.0, 3.0], [5, 9000], "short")), EN))
    assert table[1][0].startswith("5 to ")
    assert table[-1][0].endswith("9,000")
    assert (table[1][2], table[-1][2]) == ("2", "3")
