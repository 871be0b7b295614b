"""What `newllm doctor --watch` looks at, when, and what it says: a log by hand, a clock of our own, no waiting."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from newllm.api import Diagnosis
from newllm.checksum import read_checked, write_checked
from newllm.cli import doctor_watch
from newllm.cli.doctor_watch import watch
from newllm.diagnosis.facts import Facts
from newllm.errors import UserError
from newllm.messages import catalogue, quoted
from newllm.trace import Finding, Series, Trace

LOSS = Trace({"loss": Series(np.arange(9), np.linspace(3, 2, 9))})
SPIKE = Finding(kind="spike", severity="warning", sentence=quoted("It spikes."), first_step=3, last_step=4)
GAP = Finding(kind="gap", severity="note", sentence=quoted("A gap."), first_step=5, last_step=5)


def _diagnosis(*findings: Finding) -> Diagnosis:
    return Diagnosis(Path("log"), LOSS, Facts(), list(findings))


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[float], Diagnosis]]:
    """Watch a directory of a recorder: before each look something is done to it; it ends after the last."""

    def go(*done: Callable[[], object], told: list[Diagnosis | UserError], takes: float = 0.0, quiet: bool = False):
        place, clock, slept = tmp_path / "recorded", SimpleNamespace(now=0.0), []
        place.mkdir(exist_ok=True)
        write_checked(place / "recording.json", {"ended": False})
        left, results = list(done), list(told)

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            left.pop(0)()
            if not left:
                write_checked(place / "recording.json", read_checked(place / "recording.json") | {"ended": True})

        def diagnose() -> Diagnosis:
            clock.now += takes
            result = results.pop(0)
            if isinstance(result, UserError):
                raise result
            return result

        own = SimpleNamespace(sleep=sleep, monotonic=lambda: clock.now, strftime=lambda _: "12:00:00")
        monkeypatch.setattr(doctor_watch, "time", own)
        diagnosis, code = watch(str(place), diagnose, catalogue("en"), quiet=quiet)
        assert code is None
        assert results == []
        return slept, diagnosis

    return go


def _grow(place: Path) -> Callable[[], object]:
    return lambda: place.write_text(place.read_text() + "x" if place.exists() else "x")


def nothing() -> None:
    """Change nothing."""


def test_what_is_new_is_told_in_a_line_and_what_was_told_is_not(watched, tmp_path, capsys) -> None:
    grow = _grow(tmp_path / "recorded/log.csv")
    both = _diagnosis(SPIKE, GAP)
    slept, last = watched(
        nothing, grow, grow, grow,
        told=[_diagnosis(), _diagnosis(SPIKE), UserError("it is being replaced"), both],
    )  # fmt: skip
    assert capsys.readouterr().out.splitlines() == [
        "Nothing wrong found in 9 points of 1 signal.",
        "warning: spike: steps 3 to 4: It spikes.",
        "it is being replaced",
        "note: gap: step 5: A gap.",
    ]
    assert (slept, last) == ([1.0] * 4, both)


def test_a_diagnosis_that_takes_long_is_made_more_rarely(watched, tmp_path) -> None:
    grow = _grow(tmp_path / "recorded/log.csv")
    slept, _ = watched(nothing, grow, nothing, told=[_diagnosis()] * 3, takes=0.5)
    assert slept == [2.0] * 3  # a fifth of the time is spent on it
    slept, _ = watched(nothing, nothing, told=[_diagnosis()] * 2, takes=0.2)
    assert slept == [1.0] * 2


def test_files_that_newllm_writes_beside_the_log_are_no_growth(watched, tmp_path) -> None:
    place = tmp_path / "recorded"
    (place / "snapshots").mkdir(parents=True)
    (place / "deeper").mkdir()
    own = [_grow(place / name) for name in ("findings.json", "summary.txt", "snapshots/model", "deeper/log.csv")]
    findings, other, snapshot, deeper = own
    watched(findings, snapshot, nothing, told=[_diagnosis(), _diagnosis()])  # the end of the recording is told anew
    watched(other, deeper, nothing, told=[_diagnosis()] * 4)


def test_where_the_end_cannot_be_read_what_was_read_before_is_told(watched, capsys) -> None:
    _, last = watched(nothing, told=[_diagnosis(SPIKE), UserError("it is gone"), UserError("it is gone")], quiet=True)
    assert last.findings == [SPIKE]
    assert capsys.readouterr() == ("", "newllm: note: it is gone: what is shown was read before\n")


@pytest.mark.parametrize(("name", "place"), [("{0}/log#a", "log"), ("{0}/log", "log"), ("{0}/a#b", "a#b")])
def test_one_run_of_several_in_a_file_is_the_file(tmp_path: Path, name: str, place: str) -> None:
    (tmp_path / "log").touch()
    (tmp_path / "a#b").touch()
    assert doctor_watch._log_itself(name.format(tmp_path)) == tmp_path / place
