import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.messages import catalogue
from newllm.report.charts.curve_svg import curve_svg, ticks
from newllm.trace import Series


def _drawn(y, marked=None, title="loss"):
    series = Series(np.arange(1, len(y) + 1), np.array(y, dtype=float))
    return ElementTree.fromstring(
        curve_svg(series, kind="training", axis="step", title=title, marked=marked, words=catalogue("en"))
    )


def _points(svg) -> list[tuple[float, float]]:
    path = next(item for item in svg.iter("path") if "curve" in item.get("class"))
    pairs = path.get("d").replace("M", " ").replace("L", " ").split()
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in pairs)]


@settings(max_examples=60, deadline=None)
@given(y=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=200), at=st.floats(-5, 300))
def test_anything_can_be_drawn_inside_the_frame(y, at) -> None:
    svg = _drawn(y, marked=(at, at + 10))
    if not any(map(math.isfinite, y)):
        assert svg.tag == "p"
        return
    for left, top in _points(svg):
        assert 0 <= left <= 760
        assert 0 <= top <= 190


def test_no_spike_is_lost_in_a_long_run() -> None:
    y = np.random.default_rng(0).normal(size=100_000)
    y[73_211] = 50.0
    points = _points(_drawn(y))
    assert len(points) < 4100
    assert min(top for _, top in points) < 30
    assert sum(top < 30 for _, top in points) == 1


def test_the_stretch_is_shaded_where_it_is() -> None:
    svg = _drawn(range(101), marked=(26, 51))
    shade = next(item for item in svg.iter("rect") if item.get("class") == "region")
    curve = dict(zip(range(1, 102), _points(svg), strict=True))
    left, width = float(shade.get("x", "")), float(shade.get("width", ""))
    assert left == pytest.approx(curve[26][0], abs=0.2)
    assert left + width == pytest.approx(curve[51][0], abs=0.2)


def test_a_short_signals_points_tell_their_numbers() -> None:
    titles = [item.text for item in _drawn([5.7692, 14.7028]).iter("title")]
    assert titles == ["step 1: 5.7692", "step 2: 14.7028"]


def test_a_line_breaks_at_what_is_not_finite_and_the_gap_is_shaded() -> None:
    svg = _drawn([1.0, 2.0, math.nan, 2.0, 1.0])
    path = next(item for item in svg.iter("path") if "curve" in item.get("class", ""))
    assert path.get("d", "").count("M") == 2
    assert [item.get("class") for item in svg.iter("rect")] == ["gap"]


def test_a_hostile_title_stays_text() -> None:
    title = '"><script>alert(1)</script>'
    svg = _drawn([1.0, 2.0], title=title)
    assert svg.get("aria-label") == title
    assert "script" not in {item.tag for item in svg.iter()}
    assert "<script>" not in curve_svg(
        Series(np.arange(1), np.array([np.nan])), kind="x", axis="step", title=title, marked=None, words=catalogue("en")
    )


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_few_round_and_inside(low, size, parts) -> None:
    found = ticks(low, low + size, parts)
    assert len(found) <= parts + 2
    assert all(low - size * 1e-6 <= tick <= low + size * (1 + 1e-6) for tick in found)
    assert ticks(5.0, 15.0, 5) == [6.0, 8.0, 10.0, 12.0, 14.0]
