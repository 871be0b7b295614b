import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.plotting import colours
from newllm.plotting.axes import beside
from newllm.plotting.terminal import draw_curve
from newllm.plotting.terminal_canvas import Canvas, to_cells

FOUNDING = [*np.linspace(7.0, 5.8, 16), 5.7692, 5.7692, 11.1040, 14.7028, 10.5887, 6.5873, 5.6552]


def _lines(y, *, width=60, height=5, marked=None):
    x, values = np.arange(1, len(y) + 1), np.array(y, dtype=float)
    return [row.plain for row in draw_curve(x, values, width=width, height=height, marked=[marked] if marked else ())]


def test_the_founding_curve() -> None:
    lines = _lines(FOUNDING, width=40, height=3, marked=(19, 22))
    assert lines == [
        " 14.7 ┤                           ⡴⢳⡀",
        "      │                          ⡞⠁ ⠹⣄",
        "5.655 ┤⠒⠒⠦⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⣄⣀⣀⣀⣀⣀⣀⣀⡼⠁   ⠘⠦⣄",
        "      └──────────────────────────━━━━━━─",
        "       1                        19-22 23",
    ]


@settings(max_examples=80, deadline=None)
@given(length=st.integers(2, 20_000), at=st.floats(0, 1), height=st.integers(2, 6), width=st.integers(20, 100))
def test_a_spike_of_one_point_reaches_the_top_at_its_place(length, at, height, width) -> None:
    y = np.random.default_rng(length).normal(0, 0.01, length)
    index = int(at * (length - 1))
    y[index] = 100.0
    rows = [row.plain for row in draw_curve(np.arange(length), y, width=width, height=height)]
    assert rows[0].lstrip().startswith("100 ┤")
    assert all(len(row) <= width for row in rows)
    plot = [row[len(rows[0]) - len(rows[0].split("┤")[1]) :] for row in rows[:height]]
    cells = width - rows[0].index("┤") - 1
    column = round(index / (length - 1) * (2 * cells - 1)) // 2
    assert plot[0][column] != " "
    if length > 10 * cells:  # where points lie close the spike is as narrow as a line can be
        assert len(plot[0].replace(" ", "")) <= 2
        assert all(line[column] != " " for line in plot)  # and comes down again, joined to its neighbours


@settings(max_examples=60, deadline=None)
@given(
    y=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=300),
    width=st.integers(12, 90),
    unicode=st.booleans(),
    marked=st.lists(
        st.tuples(st.floats(-10, 400), st.floats(-10, 400)).map(lambda pair: tuple(sorted(pair))), max_size=4
    ),
    points=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=50),
)
def test_anything_can_be_drawn(y, width, unicode, marked, points) -> None:
    x = np.arange(len(y)) * 7
    second = np.arange(len(points)) * 5, np.array(points, dtype=float)
    rows = draw_curve(x, np.array(y, dtype=float), width=width, marked=marked, points=second, unicode=unicode)
    assert rows
    for row in rows:
        assert row.cell_len <= max(width, 23)
        assert row.plain.isprintable()
        assert unicode or row.plain.isascii()


def test_every_column_between_two_points_is_drawn() -> None:
    canvas = Canvas(40, 12)
    canvas.draw(np.array([3, 30]), np.array([0.0, 11.0]))
    assert np.flatnonzero(canvas.dots.any(axis=0)).tolist() == list(range(3, 31))
    assert canvas.dots[11, 3]  # the first row is the top
    assert canvas.dots[0, 30]


def test_a_line_breaks_where_a_value_is_missing() -> None:
    canvas = Canvas(10, 4)
    canvas.draw(np.array([0, 4, 9]), np.array([1.0, np.nan, 1.0]))
    assert canvas.dots.any(0).tolist() == [True, *[False] * 8, True]


def test_cells_have_the_dots_of_braille_and_the_halves_of_ascii() -> None:
    dots = np.zeros((4, 6), dtype=bool)
    dots[0, 0] = dots[3, 3] = True
    dots[:, 4] = True
    assert to_cells(dots) == ["⠁⢀⡇"]
    assert to_cells(dots, unicode=False) == ["'.:"]


def test_a_curve_has_five_rows_an_axis_and_its_numbers() -> None:
    assert len(draw_curve(np.arange(9), np.arange(9.0), width=40)) == 7


def test_a_stretch_is_marked_with_and_without_colour() -> None:
    rows = draw_curve(np.arange(100), np.arange(100.0), width=60, marked=[(50, 60)])
    axis = rows[-2]
    heavy = [place for place, cell in enumerate(axis.plain) if cell == "━"]
    assert len(heavy) in (5, 6, 7)
    assert heavy == list(range(heavy[0], heavy[-1] + 1))
    assert {str(span.style) for span in axis.spans if span.start in heavy} == {f"bold {colours.SPIKE}"}
    assert "50-60" in rows[-1].plain


def test_several_stretches_are_marked_and_numbered_where_there_is_room() -> None:
    x = np.arange(1000)
    rows = draw_curve(x, np.arange(1000.0), width=60, marked=[(200, 210), (215, 216), (700, 700)])
    assert rows[-1].plain.split() == ["0", "200-210", "700", "999"]
    heavy = [place - 5 for place, cell in enumerate(rows[-2].plain) if cell == "━"]
    assert heavy == [11, 12, 38]


def test_points_stand_over_the_curve_on_its_scale() -> None:
    x = np.arange(61)
    points = np.array([0, 20, 30, 40, 60]), np.array([1.5, 99.0, np.nan, -5.0, 1.0])
    rows = draw_curve(x, np.linspace(2.0, 1.0, 61), width=66, height=5, points=points)
    plot = [row.plain.partition("┤" if "┤" in row.plain else "│")[2] for row in rows[:5]]
    places = {cell: [(row, line.index(cell)) for row, line in enumerate(plot) if cell in line] for cell in "•▴▾"}
    assert places == {"•": [(2, 0), (4, 62)], "▴": [(0, 21)], "▾": [(4, 41)]}
    assert rows[0].plain.startswith("2 ┤"), "the scale is the curve's"
    styles = {str(span.style) for span in rows[0].spans if rows[0].plain[span.start : span.end] == "▴"}
    assert styles == {f"bold {colours.VALIDATION}"}


def test_of_points_that_lie_close_the_highest_is_shown() -> None:
    x, points = np.arange(1000), (np.arange(1000), np.where(np.arange(1000) == 500, 0.9, 0.1))
    rows = draw_curve(x, np.linspace(1.0, 0.0, 1000), width=60, points=points)
    assert "•" in rows[0].plain
    assert sum(row.plain.count("•") for row in rows) <= 11


def test_a_stretch_outside_the_curve_marks_nothing() -> None:
    assert "━" not in "".join(_lines(range(50), marked=(100, 120)))


def test_what_is_not_finite_is_marked_on_the_axis() -> None:
    y = np.ones(100)
    y[30], y[60] = np.nan, np.inf
    axis = _lines(y, width=103)[-2]
    assert [place - axis.index("└") - 1 for place, cell in enumerate(axis) if cell == "x"] == [30, 60]


def test_towering_values_are_drawn_on_a_log_scale_that_says_so() -> None:
    lines = _lines([*np.linspace(2.0, 1.0, 30), 1e6, 1.0])
    assert lines[-2].startswith("log └")
    assert "log" not in _lines(FOUNDING)[-2]


@pytest.mark.parametrize(
    ("y", "said"), [([], "nothing recorded"), ([np.nan, np.inf], "not one finite value")]
)  # fmt: skip
def test_nothing_to_draw_is_said(y, said) -> None:
    assert _lines(y) == [said]


def test_one_point_and_a_constant_signal() -> None:
    assert "5 ┤" in _lines([5.0])[2]
    assert _lines([5.0] * 9)[2].count("5 ┤") == 1


def test_a_curve_behind_another_is_left_out_where_it_would_flatten_it() -> None:
    own, ruined = np.linspace(2.0, 0.1, 10), np.array([2.0, 1.5, 1.0, 0.8, 0.7, 0.7, 0.6, 5e4, 300.0, 30.0])
    assert np.array_equal(beside(own, ruined), np.where(ruined > 4, np.nan, ruined), equal_nan=True)
    assert np.array_equal(beside(own, ruined * 100), ruined * 100)  # of such a one nothing would be left
    for nothing in (np.array([np.nan, np.inf]), np.empty(0)):
        assert np.array_equal(beside(nothing, ruined), ruined)
    rows = draw_curve(np.arange(10), own, width=40, behind=(np.arange(10), ruined))
    assert rows[0].plain.strip().startswith("2 ")
