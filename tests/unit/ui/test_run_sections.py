"""Sections as a page gets them: charts in few points, and what tells whether a section changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from newllm.messages import catalogue
from newllm.report.charts.chart import Curves, Line, Mark, Section
from newllm.report.markup import Html
from newllm.report.source import Source
from newllm.trace import Series
from newllm.ui.run_sections import BUCKETS, section_dict, without_findings

EN = catalogue("en")


def section(points: int = 10, **changes: Any) -> Section:
    x = np.arange(points)
    lines = (Line("loss", "loss", "training", x, x % 7.0), Line("few", "few", "training", x[:5], x[:5] * 1.0))
    chart = replace(Curves("chart", "title", "step", "nats", lines), **changes)
    return Section("curves", "Curves", Html("<p>text</p>"), (chart,))


def test_a_line_says_whether_there_are_finer_points() -> None:
    def bucketed(points: int, large: dict[str, Series]) -> list[bool]:
        return [line["bucketed"] for line in section_dict(section(points), large)["charts"]["chart"]["lines"]]

    assert bucketed(10, {}) == [False, False]
    assert bucketed(20 * BUCKETS, {}) == [True, False]
    assert bucketed(10, {"few": Series(np.arange(9), np.arange(9.0))}) == [False, True]
    told = section_dict(section(20 * BUCKETS), {})["charts"]["chart"]["lines"][0]
    assert len(told["x"]) <= 2 * BUCKETS + 2


def test_a_line_in_extremes_brings_the_medians_of_all_its_points() -> None:
    whole = Series(np.arange(60_000), np.random.default_rng(0).normal(size=60_000))
    few, loss = section_dict(section(20 * BUCKETS), {"few": whole})["charts"]["chart"]["lines"][::-1]
    assert loss["middle"]["y"]["n"] == 488  # of an odd number of points each
    assert few["middle"]["y"]["n"] == 496
    assert "middle" not in section_dict(section(10), {})["charts"]["chart"]["lines"][0]


def test_points_that_are_appended_change_nothing_else() -> None:
    one, more = section_dict(section(10), {}), section_dict(section(11), {})
    assert (one["text"], one["drawn"]) == (more["text"], more["drawn"])
    marked = section_dict(section(10, marks=(Mark(1, 2, "fault", "m"),)), {})
    assert (one["text"], one["drawn"] == marked["drawn"]) == (marked["text"], False)
    said = section_dict(replace(section(10), html=Html("<p>other</p>")), {})
    assert (one["drawn"], one["text"] == said["text"]) == (said["drawn"], False)


def test_where_nobody_judged_what_reads_as_sound_is_taken_away() -> None:
    source = Source(Path("x"), "x")
    listed = [Section(name, name, Html("<p></p>"), ()) for name in ("verdict", "curves", "findings", "layers", "data")]
    assert [one.id for one in without_findings(source, listed, EN)] == ["curves", "layers", "findings", "data"]
    said = without_findings(source, listed, EN)[2]
    assert EN("findings-too_long") in said.html
