"""Sections as a page gets them: charts in few points, and what tells whether a section changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from newllm.messages import catalogue
from newllm.report.charts.chart import Curves, Line, Mark, Section
from newllm.report.markup import Html
from newllm.report.source import Source
from newllm.ui.run_sections import BUCKETS, section_dict, without_findings

EN = catalogue("en")


def section(points: int = 10, **changes: Any) -> Section:
    x = np.arange(points)
    lines = (Line("loss", "loss", "training", x, x % 7.0), Line("few", "few", "training", x[:5], x[:5] * 1.0))
    chart = replace(Curves("chart", "title", "step", "nats", lines), **changes)
    return Section("curves", "Curves", Html("<p>text</p>"), (chart,))


def test_a_line_says_whether_there_are_finer_points() -> None:
    def bucketed(points: int, large: set[str]) -> list[bool]:
        return [line["bucketed"] for line in section_dict(section(points), large)["charts"]["chart"]["lines"]]

    assert bucketed(10, set()) == [False, False]
    assert bucketed(20 * BUCKETS, set()) == [True, False]
    assert bucketed(10, {"few"}) == [False, True]
    told = section_dict(section(20 * BUCKETS), set())["charts"]["chart"]["lines"][0]
    assert len(told["x"]) <= 2 * BUCKETS + 2


def test_points_that_are_appended_change_nothing_else() -> None:
    one, more = section_dict(section(10), set()), section_dict(section(11), set())
    assert (one["text"], one["drawn"]) == (more["text"], more["drawn"])
    marked = section_dict(section(10, marks=(Mark(1, 2, "fault", "m"),)), set())
    assert (one["text"], one["drawn"] == marked["drawn"]) == (marked["text"], False)
    said = section_dict(replace(section(10), html=Html("<p>other</p>")), set())
    assert (one["drawn"], one["text"] == said["text"]) == (said["drawn"], False)


def test_where_nobody_judged_what_reads_as_sound_is_taken_away() -> None:
    source = Source(Path("x"), "x")
    listed = [Section(name, name, Html("<p></p>"), ()) for name in ("verdict", "curves", "findings", "layers", "data")]
    assert [one.id for one in without_findings(source, listed, EN)] == ["curves", "layers", "findings", "data"]
    said = without_findings(source, listed, EN)[2]
    assert EN("findings-too_long") in said.html
