"""How much of something a page shows, how little is judged, and what is so unless it is said otherwise."""

from pathlib import Path

import numpy as np
import pytest

from newllm.messages import catalogue, quoted
from newllm.report.charts.chart import Curves, Heat, Line
from newllm.report.header import problems
from newllm.report.source import Source
from newllm.trace import Finding, Series, Trace, lost_steps
from newllm.trace.remark import left_out
from newllm.words.diagnosis import unjudged

EN, JA = catalogue("en"), catalogue("ja")


def trace(**points: int) -> Trace:
    return Trace({name: Series(np.arange(count), np.ones(count)) for name, count in points.items()})


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (trace(loss=5), ""),
        (trace(loss=4), "only 4 points of 'loss' (give a log with 5 or more)"),
        (trace(loss=1), "only 1 point of 'loss' (give a log with 5 or more)"),
        (trace(loss=2, validation_loss=3), "only 3 points of 'validation_loss' (give a log with 5 or more)"),
        (trace(loss=1, validation_loss=5), ""),
        (Trace(), "no loss (--loss COLUMN says which it is)"),
        (trace(a=9, b=9, c=9, d=9), "no loss among 'a', 'b', 'c', 'd' (--loss COLUMN says which it is)"),
        (trace(a=9, b=9, c=9, d=9, e=9), "no loss among 'a', 'b', 'c', 'd', ... (--loss COLUMN says which it is)"),
    ],
)
def test_of_fewer_than_five_points_nothing_is_judged(log: Trace, why: str) -> None:
    assert str(unjudged(log, ()) or "") == why
    note, warning = (Finding(kind="x", severity=one, sentence=quoted("")) for one in ("note", "warning"))
    assert str(unjudged(log, [note]) or "") == why
    assert unjudged(log, [note, warning]) is None


def test_what_is_not_finite_is_no_point_of_a_loss() -> None:
    values = np.array([1, 2, np.nan, 4, np.inf, 6.0])
    assert str(unjudged(Trace({"loss": Series(np.arange(6), values)}), ())).startswith("only 4 points")


@pytest.mark.parametrize(("count", "more"), [(0, ""), (12, ""), (13, "1"), (20, "8")])
def test_twelve_problems_are_told_and_how_many_more_there_are(count: int, more: str) -> None:
    source = Source(
        Path("x"), "x", problems=tuple(left_out("quoted", text=f"problem {number}.") for number in range(count))
    )
    told = str(problems(source, EN))
    assert told.count("problem ") == min(count, 12)
    assert (EN("problems-more", count=int(more)) in told) if more else (told.count("<p") <= 1)


def test_problems_are_told_in_the_language_of_the_page() -> None:
    steps = lost_steps(Series(np.array([1, 3]), np.ones(2)))
    told = str(problems(Source(Path("x"), "x", problems=(*steps, left_out("problem-no-file", file="a"))), JA))
    assert "トレースにステップ2の記録がない" in told
    assert 'lang="en"' not in told


def test_a_line_of_more_than_four_points_a_bucket_is_thinned_with_its_band() -> None:
    def line(points: int) -> Line:
        y = np.sin(np.arange(points))
        return Line("a", "a", "training", np.arange(points), y, y - 1, y + 1)

    whole, long = line(40), line(41)
    assert whole.thinned(10) is whole
    thin = long.thinned(10)
    assert len(thin.x) < 41
    assert np.all(thin.low == thin.y - 1)
    assert np.all(thin.high == thin.y + 1)
    assert Line("a", "a", "training", long.x, long.y).thinned(10).low is None


def test_what_is_so_unless_it_is_said_otherwise() -> None:
    none = np.empty(0)
    line = Line("a", "a", "training", none, none)
    curves, heat = Curves("c", "c", "step", "", (line,)), Heat("h", "h", "step", "", none, (), none)
    assert (line.faint, curves.log, heat.log, heat.centre) == (False, False, True, None)
    source = Source(Path("x"), "x")
    assert (source.own, source.judged, source.id("a"), source.numbered(3).id("a")) == (False, True, "a", "run-3-a")
