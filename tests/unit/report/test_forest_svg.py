"""A row of a forest plot: where the interval lies, what it crosses, and what goes on beyond the axis."""

import re

from newllm.report.charts.forest_svg import forest_svg, scale


def xs(svg: str, pattern: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, svg)]


def test_the_value_lies_within_its_interval_on_the_axis():
    svg = forest_svg([(0.5, 0.25, 0.75)], (0.0, 1.0), (0.0,))
    (dot,) = xs(svg, r'cx="([\d.]+)"')
    ((left, right),) = re.findall(r'class="range first" d="M([\d.]+),[\d.]+H([\d.]+)"', svg)
    assert float(left) < dot < float(right)
    assert dot == 75.0
    assert "hollow" not in svg


def test_an_estimate_without_an_interval_is_hollow_and_has_no_bar():
    svg = forest_svg([(0.5, None, None)], (0.0, 1.0))
    assert "hollow" in svg
    assert "range" not in svg


def test_two_estimates_have_two_shapes_and_an_absent_one_leaves_its_lane():
    assert forest_svg([(0.2, 0.1, 0.3), (0.6, 0.5, 0.7)], (0, 1)).count("<circle") == 1
    assert 'class="mark second"' in forest_svg([(0.2, 0.1, 0.3), (0.6, 0.5, 0.7)], (0, 1))
    assert "<circle" not in forest_svg([None, (0.6, 0.5, 0.7)], (0, 1))


def test_what_goes_beyond_the_axis_stops_at_its_edge_with_an_arrow():
    inside, beyond = forest_svg([(0.5, 0.1, 0.9)], (0, 1)), forest_svg([(0.5, -4.0, 9.0)], (0, 1))
    assert inside.count("<path") == 1
    assert beyond.count("<path") == 3
    assert all(0 <= x <= 150 for x in xs(beyond, r"M([-\d.]+),"))


def test_a_scale_holds_all_and_has_room():
    low, high = scale([(1.0, 0.5, 2.0), (3.0, None, None)], 0.0)
    assert low < 0 < 3 < high
    assert scale([(1.0, 1.0, 1.0)]) == (0.5, 1.5)


def test_a_drawing_has_no_style_of_its_own():
    assert "style" not in forest_svg([(0.5, 0.25, 0.75)], (0.0, 1.0), (0.0,))
