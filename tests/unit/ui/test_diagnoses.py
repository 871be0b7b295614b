"""How often a run that goes on is judged again while it is shown."""

from pathlib import Path

import numpy as np
import pytest

from newllm.messages import quoted
from newllm.trace import Finding, Series, Trace
from newllm.ui import diagnoses
from newllm.ui.diagnoses import Diagnoses
from newllm.ui.traces import Traces


class Clock:
    """Stands in for `time` in the module: a judgment takes two seconds of the processor."""

    def __init__(self) -> None:
        self.now = self.worked = 100.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.worked


def test_a_run_that_goes_on_is_judged_again_after_twenty_times_as_long_as_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock, seen = Clock(), list[Trace]()

    def judge(_: Path, trace: Trace) -> tuple[Finding, ...]:
        clock.worked += 2.0
        seen.append(trace)
        return ()

    monkeypatch.setattr(diagnoses, "time", clock)
    monkeypatch.setattr(diagnoses, "_judge", judge)
    judge_of, trace = Diagnoses(Traces()), Trace({"loss": Series(np.arange(3), np.ones(3))})
    assert judge_of.of(tmp_path, trace, 1) == ((), True)
    assert judge_of.of(tmp_path, trace, 1) == ((), True)
    clock.now += 39.0
    assert judge_of.of(tmp_path, trace, 2) == ((), False)  # kept, and said to be of an older version
    assert len(seen) == 1
    clock.now += 2.0
    assert judge_of.of(tmp_path, trace, 2) == ((), True)
    assert len(seen) == 2


def test_so_many_runs_are_kept_and_the_counts_are_of_each_severity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[Path]()
    found = tuple(Finding(kind="x", severity=one, sentence=quoted("")) for one in ("fault", "note", "note"))
    monkeypatch.setattr(diagnoses, "_judge", lambda place, _: seen.append(place) or found)
    monkeypatch.setattr(diagnoses, "_MOST_KEPT", 2)
    judge, trace = Diagnoses(Traces()), Trace({"loss": Series(np.arange(3), np.ones(3))})
    for name in "abab":
        judge.of(tmp_path / name, trace, 1)
    assert [place.name for place in seen] == ["a", "b"]
    judge.of(tmp_path / "c", trace, 1)
    assert judge.known(tmp_path / "a") is None  # kept with no run, and forgotten
    assert judge.known(tmp_path / "c") == found


@pytest.mark.parametrize(("points", "judged_now"), [(3, True), (4, False)])
def test_a_long_run_is_not_judged_while_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: int, judged_now: bool
) -> None:
    monkeypatch.setattr(diagnoses, "_MOST_POINTS", 6)
    monkeypatch.setattr(diagnoses, "_judge", lambda *_: ())
    series = Series(np.arange(points), np.ones(points))
    found = Diagnoses(Traces()).of(tmp_path, Trace({"loss": series, "gradient_norm": series}), 1)
    assert found == (() if judged_now else None, True)


@pytest.mark.parametrize("each", [0.4, 0.5])
def test_the_counts_of_as_many_runs_as_a_second_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each: float
) -> None:
    clock, judge = Clock(), Diagnoses(Traces())

    def counts(place: Path) -> dict[str, int]:
        clock.now += each
        return {"fault": len(place.name)}

    monkeypatch.setattr(diagnoses, "time", clock)
    monkeypatch.setattr(judge, "counts", counts)
    assert list(judge.many({name: tmp_path / name for name in "abcdef"})) == ["a", "b", "c"]
    assert judge.many({}) == {}


def test_what_the_files_of_a_run_say_is_known_to_the_doctor(tmp_path: Path) -> None:
    trace = Trace({"loss": Series(np.arange(1, 31), np.full(30, 5.0))})

    def kinds(config: str) -> set[str]:
        (tmp_path / "config.toml").write_text(f"schema = 1\n{config}")
        return {found.kind for found in diagnoses._judge(tmp_path, trace)}

    assert "worse-than-uniform" not in kinds("")
    assert "worse-than-uniform" in kinds("[model]\nvocabulary = 2\n")


def test_a_list_of_runs_that_go_on_judges_them_again_in_a_twentieth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock, judge_of = Clock(), Diagnoses(Traces())

    def counts(run: Path) -> dict[str, int]:
        clock.worked += 0.5
        judge_of._found[run] = 0, 0.0, ()
        return {"fault": 0}

    monkeypatch.setattr(diagnoses, "time", clock)
    monkeypatch.setattr(judge_of, "counts", counts)
    runs = {name: tmp_path / name for name in "abc"}
    assert list(judge_of.many(runs)) == ["a", "b", "c"]  # what nobody has judged waits for nothing
    assert list(judge_of.many(runs)) == ["a"]
    assert list(judge_of.many(runs)) == []  # the others are told later: what is known of them stays on the page
    clock.now += 10.0
    assert list(judge_of.many({"b": runs["b"], "d": tmp_path / "d"})) == ["b", "d"]
    assert list(judge_of.many(runs)) == []
