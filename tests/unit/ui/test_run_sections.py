"""Sections as a page gets them: charts in few points, and what tells whether a section changed."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import newllm
from newllm.checksum import write_checked
from newllm.messages import catalogue
from newllm.report.charts.chart import Curves, Line, Mark, Section
from newllm.report.markup import Html
from newllm.report.source import Source
from newllm.trace import Series, TraceWriter
from newllm.ui.diagnoses import Diagnoses
from newllm.ui.run_sections import BUCKETS, RunSections, section_dict, without_findings
from newllm.ui.traces import Traces

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


def recorded(place: Path, make_run: Any, height: float, *, status: str = "finished") -> Path:
    """Make a run of a program that is kept, with a loss that ends so high."""
    run = make_run(place, status=status)
    for old in run.glob("trace*"):
        old.unlink()
    with TraceWriter(run / "trace.jsonl") as writer:
        for step in range(1, 101):
            writer.write(step, loss=height + (4.0 - height) * 0.9**step + 0.01 * (step % 3))
    about = {"main": "train.py", "module": None, "arguments": [], "directory": "/here", "root": "/here"}
    kept = {"files": {"train.py": f"height = {height}\n"}, "data": {}, "versions": {}, "left_out": 0}
    write_checked(run / "program.json", {"schema": 1, **about, **kept})
    return run


def test_a_run_that_has_ended_is_held_against_an_earlier_one_as_the_doctor_does(tmp_path: Path, make_run: Any) -> None:
    first, second, going = (
        recorded(tmp_path / name, make_run, height, status=status)
        for name, height, status in (("a", 1.0, "finished"), ("b", 2.0, "finished"), ("c", 2.0, "running"))
    )
    for at, run in enumerate((first, second, going)):
        os.utime(run / "program.json", (at, at))
    traces = Traces()
    sections = RunSections(traces, Diagnoses(traces))
    verdicts = [
        next(one["html"] for one in sections.made(run, EN).sections if one["id"] == "verdict")
        for run in (first, second, going)
    ]
    assert ["held against" in one for one in verdicts] == [False, True, False]
    assert newllm.doctor(second).bisect_command in verdicts[1]
    assert "Something is doubtful" in verdicts[1]
    assert "parts-from-reference" in str([one["html"] for one in sections.made(second, EN).sections])
