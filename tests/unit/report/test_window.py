"""Where a page looks closer at a finding, and where the whole shows it as well."""

import numpy as np
import pytest

from newllm.messages import quoted
from newllm.report.window import closer, marked, plotted
from newllm.trace import Finding, Series, Trace

SERIES = Series(np.arange(0, 2000, 2), np.arange(1000.0))


def finding(**where: float | str | None) -> Finding:
    return Finding(kind="spike", severity="warning", sentence=quoted(""), **where)  # pyrefly: ignore[bad-argument-type]


def test_the_stretch_of_a_finding() -> None:
    assert marked(finding(), SERIES) is None
    assert marked(finding(first_step=5.0, last_step=9.0), SERIES) == (5, 9)
    assert marked(finding(first_step=5.0), SERIES) == (5, 1998)
    assert marked(finding(first_step=5.0, last_step=3.0), SERIES) == (5, 5)


def test_the_series_that_is_plotted_is_there_and_has_points() -> None:
    trace = Trace({"loss": SERIES, "none": Series(np.array([], int), np.array([]))})
    assert plotted(trace, finding(signal="loss")) is SERIES
    assert [plotted(trace, finding(signal=name)) for name in ("none", "other", None)] == [None] * 3


@pytest.mark.parametrize(
    ("stretch", "first", "last"),
    [((1000, 1008), 976, 1032), ((1000, 1038), 920, 1118), ((4, 10), 0, 34), ((1990, 1998), 1966, 1998)],
)
def test_a_narrow_one_is_shown_with_twice_its_length_and_twelve_points_on_either_side(
    stretch: tuple[float, float], first: int, last: int
) -> None:
    part = closer(SERIES, stretch)
    assert part is not None
    assert (part.step[0], part.step[-1]) == (first, last)
    assert (part.value == part.step / 2).all()


def test_what_is_wide_or_of_few_points_is_seen_in_the_whole() -> None:
    assert closer(SERIES, (500, 900)) is None
    assert closer(SERIES, None) is None
    assert closer(Series(SERIES.step[:95], SERIES.value[:95]), (20, 22)) is None
    assert closer(Series(SERIES.step[:96], SERIES.value[:96]), (20, 22)) is not None
