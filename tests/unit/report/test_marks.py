"""Findings as shaded stretches, and drawings in full."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.facts import Facts, Planned
from newllm.messages import catalogue, quoted
from newllm.report.charts.curve_svg import _logarithmic, curve_svg, ticks
from newllm.report.charts.forest_svg import forest_svg
from newllm.report.charts.marks import first_fault, first_step, marks_of, planned_marks
from newllm.report.source import Source
from newllm.trace import Finding, Series, Trace

EN = catalogue("en")


def run_with(*findings: Finding) -> Source:
    signals = {"loss": Series(np.arange(100, 201), np.ones(101)), "x": Series(np.array([150]), np.ones(1))}
    return Source(Path("x"), "x", trace=Trace(signals), findings=findings)


def found(first: float | None, last: float | None, signal: str | None = "loss", severity: Any = "warning") -> Finding:
    return Finding(
        kind="spike", severity=severity, sentence=quoted(""), first_step=first, last_step=last, signal=signal
    )


@pytest.mark.parametrize(
    ("first", "last", "mark"),
    [
        (120, 130, (120, 130, "spike")),
        (120, 170, (120, 170, "spike")),  # half of the run
        (120, 171, (120, 120, "spike from here")),
        (106, 200, (106, 106, "spike from here")),
        (105, 200, None),  # all of it
        (106, None, (106, 106, "spike from here")),
        (190, None, (190, 200, "spike")),
        (210, 205, (210, 210, "spike")),
        (None, None, None),
    ],
)
def test_a_finding_is_shaded_where_it_is(first: float | None, last: float | None, mark: tuple | None) -> None:
    marks = marks_of(run_with(found(first, last)), EN, ["loss"])
    begins = [(one.first, one.last, one.label.partition(" ")[0]) for one in marks]
    assert begins == ([] if mark is None else [(mark[0], mark[1], "spike")])
    if mark is not None:
        assert (marks[0].label != "spike") is (mark[2] != "spike")


def test_findings_of_other_signals_are_shaded_where_they_are_grave() -> None:
    source = run_with(
        found(110, 112, "gradient_norm/a"), found(120, 122, "x", "note"), found(130, 132, None),
        found(140, 142, "loss", "fault"), found(150, 152, "loss", "note"),
    )  # fmt: skip
    assert [one.first for one in marks_of(source, EN, ["loss"])] == [150, 140]  # the gravest last
    assert [one.first for one in marks_of(source, EN, ["gradient_norm"])] == [110]
    assert [one.first for one in marks_of(source, EN, ["loss"], severe=True)] == [150, 110, 130, 140]
    assert len(marks_of(run_with(*(found(at, at) for at in range(100, 200))), EN, ["loss"])) == 40
    assert len(marks_of(run_with(found(120, 121), found(120, 123)), EN, ["loss"])) == 1


def test_a_consequence_is_shaded_on_its_own_signal_without_a_label_and_nowhere_else() -> None:
    root = found(110, 190, "gradient_norm", "fault")
    spike = replace(found(120, 130), follows="x")
    lasting = replace(found(120, 200), kind="diverged", follows="x")
    source = run_with(root, spike, lasting)
    assert [(one.first, one.quiet) for one in marks_of(source, EN, ["loss"], severe=True)] == [
        (120, True),
        (110, False),
    ]
    assert [one.first for one in marks_of(source, EN, ["learning_rate"], severe=True)] == [110]
    assert [one.first for one in first_fault(source, EN)] == [110]
    assert first_fault(run_with(spike, lasting, found(150, 152, "loss", "note"), found(None, None)), EN) == ()


def test_what_was_planned_is_marked_where_it_begins() -> None:
    source = replace(run_with(), facts=Facts(planned=(Planned(150.0, "other data\x1b[2J"),)))
    (mark,) = planned_marks(source)
    assert (mark.first, mark.last, mark.severity) == (150, 150, "planned")
    assert mark.label.startswith("other data")
    assert "\x1b" not in mark.label


def test_a_run_begins_and_ends_with_any_of_its_signals() -> None:
    assert (first_step(run_with()), run_with().trace.last_step) == (100, 200)
    empty = Source(Path("x"), "x", trace=Trace({"loss": Series(np.empty(0, np.int64), np.empty(0))}))
    assert (first_step(empty), empty.trace.last_step) == (0, 0)


def test_a_row_of_a_forest_plot_in_full() -> None:
    assert forest_svg([(0.5, 0.25, 2.0), (0.2, None, None), None], (0.0, 1.0), (0.0, 0.5), "m") == (
        '<svg class="forest m" width="150" height="42" viewBox="0 0 150 42" aria-hidden="true">'
        '<path class="axis" d="M6.0,0V42"/><path class="grid" d="M75.0,0V42"/>'
        '<path class="range first" d="M40.5,8.0H144.0"/><path class="range" d="M140.0,5.0l4,3l-4,3"/>'
        '<circle class="first" cx="75.0" cy="8.0" r="3.6"/>'
        '<path class="mark second hollow" d="M29.6,21.0l4,-4l4,4l-4,4z"/></svg>'
    )
    beyond = forest_svg([(0.5, -1.0, 1.0)], (0.0, 1.0))
    assert '<path class="range" d="M10.0,5.0l-4,3l4,3"/>' in beyond
    assert beyond.count('class="range"') == 1
    assert 'cx="75.0"' in forest_svg([(3.0, None, None)], (1.0, 1.0))


def test_a_curve_in_full() -> None:
    series = Series(np.array([0, 5, 10]), np.array([1.0, 3.0, 2.0]))
    assert curve_svg(series, kind="training", axis="step", title="t", marked=(5, 10), words=EN) == (
        '<svg viewBox="0 0 760 190" role="img" aria-label="t">'
        '<rect class="region" x="406.0" y="10" width="340.0" height="152"><title>the finding</title></rect>'
        '<path class="axis" d="M66,162H746"/>'
        '<path class="grid" d="M66,153.9H746"/><text x="58" y="157.9" text-anchor="end">1</text>'
        '<path class="grid" d="M66,119.9H746"/><text x="58" y="123.9" text-anchor="end">1.5</text>'
        '<path class="grid" d="M66,86.0H746"/><text x="58" y="90.0" text-anchor="end">2</text>'
        '<path class="grid" d="M66,52.1H746"/><text x="58" y="56.1" text-anchor="end">2.5</text>'
        '<path class="grid" d="M66,18.1H746"/><text x="58" y="22.1" text-anchor="end">3</text>'
        '<path class="axis" d="M66.0,162v4"/><text x="66.0" y="181" text-anchor="middle">0</text>'
        '<path class="axis" d="M202.0,162v4"/><text x="202.0" y="181" text-anchor="middle">2</text>'
        '<path class="axis" d="M338.0,162v4"/><text x="338.0" y="181" text-anchor="middle">4</text>'
        '<path class="axis" d="M474.0,162v4"/><text x="474.0" y="181" text-anchor="middle">6</text>'
        '<path class="axis" d="M610.0,162v4"/><text x="610.0" y="181" text-anchor="middle">8</text>'
        '<path class="axis" d="M746.0,162v4"/><text x="746.0" y="181" text-anchor="middle">10</text>'
        '<text x="58" y="181" text-anchor="end">step</text>'
        '<path class="curve training" d="M66.0,153.9L406.0,18.1L746.0,86.0"/>'
        '<circle class="training" cx="66.0" cy="153.9" r="2.6"><title>step 0: 1</title></circle>'
        '<circle class="training" cx="406.0" cy="18.1" r="2.6"><title>step 5: 3</title></circle>'
        '<circle class="training" cx="746.0" cy="86.0" r="2.6"><title>step 10: 2</title></circle></svg>'
    )


def test_a_crushed_curve_is_drawn_on_a_logarithmic_axis() -> None:
    value = np.array([1000.0, *[1, 1.5, 1.2, 1.1] * 5])
    svg = curve_svg(Series(np.arange(21), value), kind="training", axis="step", title="t", marked=None, words=EN)
    tops = [float(one.split('cy="')[1].split('"')[0]) for one in svg.split("<circle")[1:]]
    assert (tops[0], tops[1]) == (pytest.approx(16.9, abs=0.1), pytest.approx(155.1, abs=0.1))
    assert [label in svg for label in (">1<", ">10<", ">100<")] == [True, True, True]
    assert "<rect" not in svg


def test_a_stretch_beside_the_curve_is_not_shaded_and_a_short_one_can_be_seen() -> None:
    def shades(*marked: float) -> list[str]:
        svg = curve_svg(Series(np.arange(101), np.ones(101)), kind="k", axis="step", title="t", marked=marked, words=EN)  # pyrefly: ignore
        return [one.split("height")[0] for one in svg.split('<rect class="region" ')[1:]]

    assert shades(-9, -1) == shades(101, 105) == []
    assert shades(50, 50) == ['x="404.0" y="10" width="4.0" ']
    assert len(shades(-9, 0)) == len(shades(100, 105)) == 1


def test_ticks_of_an_axis() -> None:
    assert ticks(0, 1, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(3, 47, 7) == [5 * at for at in range(1, 10)] or ticks(3, 47, 7) == [10, 20, 30, 40]
    assert ticks(2, 2, 5) == [2]
    assert _logarithmic(0.5, 2000) == [1, 10, 100, 1000]
    assert _logarithmic(2, 3) == [2, 3]
    assert _logarithmic(1e-6, 1e6) == [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6]
