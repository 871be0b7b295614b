"""No bar names a time that is not known yet."""

import io
from types import SimpleNamespace

import pytest

from newllm.cli.study_progress import StudyProgress
from newllm.cli.time_left import TimeLeft, duration
from newllm.errors import UserError
from newllm.messages import catalogue
from newllm.time_limit import OutOfTime, TimeLimit


def test_nothing_is_said_before_a_pace_has_been_measured():
    now = 0.0
    left = TimeLeft(100, lambda: now)
    now = 60.0  # a minute of loading and compiling goes by before the first update is done: it is no pace
    assert left.at(1) is None
    now = 62.0
    assert left.at(2) is None
    now = 69.0
    assert left.at(10) == 90.0
    now = 100.0
    assert left.at(41) == 59.0


def test_nothing_is_said_while_nothing_goes_on_and_anew_after_going_back():
    now = 0.0
    left = TimeLeft(100, lambda: now)
    assert left.at(50) is None
    now = 30.0
    assert left.at(50) is None
    assert left.at(20) is None  # a guard went back to step 20
    now = 40.0
    assert left.at(30) == 70.0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (150, "2 min"), (5999, "100 min"), (6000, "1.7 h"), (7200, "2.0 h")],
)
def test_durations(seconds: float, said: str):
    assert duration(catalogue("en"), seconds) == said


def test_a_pace_is_known_after_five_seconds_and_the_end_is_never_past():
    now = 0.0
    left = TimeLeft(100, lambda: now)
    assert left.at(0) is None
    now = 4.9
    assert left.at(10) is None
    now = 5.0
    assert left.at(10) == 45.0
    left.plan(100, 3.0)
    now = 9.0
    assert left.at(20) == 0.0


@pytest.mark.parametrize(("seconds", "end"), [(100.0, 95.0), (200.0, 190.0), (1000.0, 990.0)])
def test_what_is_computed_leaves_a_share_of_the_time_to_its_end(seconds: float, end: float):
    now = 7.0
    limit = TimeLimit(seconds, lambda: now, began=5.0)
    assert (limit.seconds, limit.end, limit.spent, limit.left) == (seconds, end, 2.0, end - 2.0)
    limit.check()
    now = 5.0 + end
    with pytest.raises(OutOfTime):
        limit.check()
    assert TimeLimit(10, lambda: now).spent == 0.0
    for none in (0, -1.0, float("nan")):
        with pytest.raises(UserError, match=f"--budget {none}: give seconds above 0"):
            TimeLimit(none)


def _cell(arm: str) -> SimpleNamespace:
    model = SimpleNamespace(layers=1, hidden=10)
    return SimpleNamespace(arm=arm, seed=0, config=SimpleNamespace(model=model, training=SimpleNamespace(steps=10)))


def _lines(seconds: float) -> list[str]:
    """What a study of four cells, two at a time, says: each takes ten seconds, and is looked at every second."""
    now, stream = 0.0, io.StringIO()
    cells = [_cell(name) for name in "abcd"]
    progress = StudyProgress(stream, catalogue("en"), quiet=False, time=TimeLimit(seconds, lambda: now))
    progress.planned(cells, cells)  # type: ignore[arg-type]
    for pair in (cells[:2], cells[2:]):
        for _ in range(10):
            now += 1.0
            progress.running(pair)  # type: ignore[arg-type]
        for cell in pair:
            progress.finished(cell, 10.0)  # type: ignore[arg-type]
    return stream.getvalue().splitlines()


def test_a_study_speaks_every_few_seconds_and_foresees_only_what_it_knows():
    assert _lines(float("inf")) == [
        "4 runs",
        "0/4 runs   running a (seed 0), b (seed 0)   5 s",
        "0/4 runs   running a (seed 0), b (seed 0)   10 s",
        "2/4 runs   running c (seed 0), d (seed 0)   about 5 s left",
        "2/4 runs   running c (seed 0), d (seed 0)",
    ]


def test_a_study_with_a_time_says_how_much_of_it_is_gone():
    assert _lines(300)[1::2] == [
        "0/4 runs   running a (seed 0), b (seed 0)   5 s of at most 5 min",
        "2/4 runs   running c (seed 0), d (seed 0)   15 s of at most 5 min, about 5 s left",
    ]


def test_a_run_by_the_clock_knows_its_end_from_the_beginning_and_one_that_is_longer_is_longer():
    now = 0.0
    left = TimeLeft(100, lambda: now)
    left.plan(500, 120.0)
    now = 20.0
    assert left.at(1) == 100.0
    left.plan(500, float("nan"))
    now = 30.0
    assert left.at(1) is None
    now = 40.0
    assert left.at(11) == 489.0
