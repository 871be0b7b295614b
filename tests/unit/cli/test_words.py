"""What single lines say at their bounds: sizes, places, times, and what is said while a run trains."""

import io
import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from newllm.cli import cache, progress, train
from newllm.cli.page_file import check_free
from newllm.cli.progress import LiveDisplay, choose_display
from newllm.diagnosis.onset import Onset
from newllm.errors import UserError
from newllm.messages import catalogue, quoted
from newllm.trace import Series
from newllm.trace.samples import Sample
from newllm.training.evaluation import Evaluation
from newllm.training.observer import Past
from newllm.training.step import StepReport
from newllm.words.numbers import file_size

RUN, EN = Path("runs/mine"), catalogue("en")


@pytest.mark.parametrize(
    ("onsets", "said"),
    [([1000], "spike at step 1,000; to find what removes it"), ([5, 9], "2 spikes, at steps 5 and 9; to find"),
     ([1, 2, 3, 4, 5], "5 spikes, at steps 1, 2, 3, 4 and 5; to find"),
     ([1, 2, 3, 4, 5, 6], "6 spikes, at steps 1 to 6")],
)  # fmt: skip
def test_where_the_loss_left_its_trend(onsets: list[int], said: str) -> None:
    line = train._off_trend(onsets, RUN, EN)
    assert line.startswith(said)
    assert line.endswith(": newllm replay runs/mine")


def test_a_time_that_is_not_what_was_asked_for_is_explained(capsys) -> None:
    for wall in (95.0, 105.0):
        train._say_time(100.0, 80.0, wall, EN)
    assert capsys.readouterr().out == ""
    train._say_time(100.04, 80.0, 105.5, EN)
    assert capsys.readouterr().out == (
        "105.5 s in all, not 100: training with its curves took 80.0 s, the sample another 25.5 s\n"
    )
    train._say_time(100.0, 80.0, 94.9, EN)
    assert capsys.readouterr().out.startswith("94.9 s in all, not 100")


def test_a_run_by_the_clock_writes_where_it_has_learnt_and_time_is_left(capsys, monkeypatch, tmp_path) -> None:
    written = SimpleNamespace(generate=lambda *_: SimpleNamespace(text="the whale"))
    monkeypatch.setattr("newllm.api.load", lambda *_, **__: written)

    def said(step: int, *, time_is_over: bool, seconds: float = 20.0) -> str:
        config = SimpleNamespace(numerics=SimpleNamespace(device="cpu"), parallel=SimpleNamespace(is_sharded=False))
        known = {"path": tmp_path, "summary": SimpleNamespace(step=step), "seconds": seconds, "config": config}
        trained: Any = SimpleNamespace(**known)
        train._show_sample(trained, EN, time_is_over=time_is_over)
        return capsys.readouterr().out

    assert said(19, time_is_over=False).startswith(
        "no sample: after so few steps it would be noise; to train longer: newllm"
    )
    assert said(19, time_is_over=False, seconds=0.0).startswith("sample, temperature 0.8, seed 0:\n\n    the whale\n")
    assert said(20, time_is_over=False).startswith("sample, temperature")
    assert said(20, time_is_over=True).startswith("no sample: the time is up")
    assert train._indented("\na\nb\n") == "    a\n    b"


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_999, "1000.0 kB"),
        (10**6, "1.0 MB"),
        (10**9, "1.0 GB"),
    ],
)
def test_sizes(count: int, said: str) -> None:
    assert cache._size(EN, count) == said


def test_the_size_of_a_page() -> None:
    assert [file_size(size) for size in (999, 1400, 999_000, 10**6)] == ["999 B", "1 kB", "999 kB", "1.0 MB"]


@pytest.mark.parametrize(("before", "free"), [(196, True), (197, False)])
def test_a_page_says_what_it_is_in_its_first_two_hundred_bytes(tmp_path: Path, before: int, free: bool) -> None:
    (tmp_path / "page").write_bytes(b"x" * before + b"mark" + b"x" * 99)
    if free:
        check_free(tmp_path / "page", "mark", "report", "--out")
        return
    with pytest.raises(UserError, match="exists and is no page of newllm report"):
        check_free(tmp_path / "page", "mark", "report", "--out")


SUMMARY = {
    "scan_backend": "torch",
    "device": "cpu",
    "precision": "fp32",
    "ranks": 1,
    "step": 0,
    "steps": 400,
    "parameters": 7,
}


def _report(step: int, loss: float = 4.0) -> StepReport:
    return StepReport(step, loss, 1.0, 1e-3, None, 100)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now.now))
    return now


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "for 400 steps on cpu in fp32, scan torch"),
        ({"preparation": {"budget": 90.0}}, "for 90 s in all, about 400 steps, on cpu in fp32, scan torch"),
        ({"step": 1200, "steps": 2000, "scan_backend": "none"}, "from step 1,200 to 2,000 on cpu in fp32"),
    ],
)
def test_what_begins(changed: dict[str, Any], said: str) -> None:
    stream = io.StringIO()
    choose_display(stream, EN).started(SUMMARY | changed)
    assert stream.getvalue() == f"training 7 parameters {said}\n"


def test_elsewhere_than_on_a_terminal_it_speaks_every_ten_seconds(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    display = choose_display(stream, EN)
    display.started(SUMMARY)
    for step in range(1, 6):
        clock.now += 4.0
        display.stepped(_report(step))
    display.sampled(Sample(5, "", "a\n  b" + "c" * 200, 0))
    display.evaluated(5, Evaluation(20.0, 10, 40), best=True)
    clock.now += 5.0
    display.evaluated(5, Evaluation(20.0, 10, None), best=False)
    clock.now += 5.0
    display.evaluated(0, Evaluation(20.0, 10, None), best=True)
    display.noticed(quoted("one"))
    lines = stream.getvalue().splitlines()[1:]
    assert lines[0] == "step       3  loss 4.0000  25 tokens/s"
    assert lines[1] == "step       5  validation 2.0000 nats, perplexity 7.39, 0.7213 bits per byte  best so far"
    assert lines[2].startswith("step       5  writes: a bccc")
    assert len(lines[2]) <= len("step       5  writes: ") + progress.SAMPLE_CELLS
    assert lines[3] == "step       5  validation 2.0000 nats, perplexity 7.39"
    assert lines[4] == "step       0  validation 2.0000 nats, perplexity 7.39"
    assert lines[5].startswith("step       0  writes: ")
    assert lines[6:] == ["note: one"]


def test_the_speed_is_that_of_two_seconds_and_onsets_that_were_taken_back_are_forgotten(clock) -> None:
    display = choose_display(io.StringIO(), EN)
    display.started(SUMMARY)
    assert math.isnan(display.speed)
    clock.now = 1.9
    display.stepped(_report(1))
    assert math.isnan(display.speed)
    clock.now = 2.0
    display.stepped(_report(2))
    assert display.speed == 100.0
    clock.now = 4.0
    display.stepped(_report(3))
    assert display.speed == 50.0
    for onset in (2, 2, 3):
        display.left_trend(Onset(onset + 1, onset, onset - 1, 4.0, 1.0))
    assert display.onsets == [2, 3]
    display.stepped(_report(3))  # a guard went back
    assert display.onsets == [2]
    empty = Series(np.zeros(0), np.zeros(0))
    display.resumed(Past(empty, empty, (Onset(9, 8, 7, 4.0, 1.0),)))
    assert display.onsets == [2, 8]


def test_on_a_terminal_it_draws_four_times_a_second_and_no_more_than_a_fiftieth_of_the_time(clock, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    drawn: list[float] = []
    display = LiveDisplay(Console(file=io.StringIO(), force_terminal=True, width=100, height=40), EN)
    display.started(SUMMARY)

    def refresh() -> None:
        drawn.append(clock.now)
        clock.now += takes

    monkeypatch.setattr(display._live, "refresh", refresh)
    for takes in (0.0, 0.1):
        start = clock.now
        drawn.clear()
        for step in range(1, 400):
            clock.now += 0.125
            display.stepped(_report(step + 400 * (takes > 0)))
        gaps = {round(later - one, 6) for one, later in pairwise(drawn)}
        assert min(gaps) >= (0.25 if takes == 0 else 5.0)
        assert max(gaps) <= (0.25 if takes == 0 else 5.2)
        assert drawn[0] <= start + 0.5
    display.ended(SUMMARY)
