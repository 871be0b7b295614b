"""An effect with its interval as a small drawing."""

import re

import pytest

from newllm.report.replay_tables import interval_svg


@pytest.mark.parametrize(
    ("value", "at"), [(-0.5, 4.0), (0.0, 34.5), (0.5, 65.0), (1.0, 95.5), (1.5, 126.0), (9.0, 126.0)]
)
def test_an_effect_stands_between_none_and_all_and_stops_at_the_edges(value: float, at: float) -> None:
    assert re.findall(r'cx="([\d.]+)"', str(interval_svg(value, None, "good"))) == [f"{at:.1f}"]


def test_the_interval_is_drawn_and_the_lines_of_none_and_all() -> None:
    html = str(interval_svg(0.5, (0.0, 1.0), "good"))
    assert 'class="range" d="M34.5,8.0H95.5"' in html
    assert 'class="grid" d="M34.5,0V16"' in html
    assert 'class="axis" d="M95.5,0V16"' in html
    assert str(interval_svg(None, (0.0, 1.0), "good")) == ""
