"""The run that a recording is held against where none is named: the newest before it in which nothing is found."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import newllm
from newllm.api import diagnosed
from newllm.api.held_source import held_source
from newllm.checksum import read_checked, write_checked
from newllm.cli.main import main
from newllm.diagnosis.against.program import is_called_alike
from newllm.errors import UserError
from newllm.report.source import read_source
from newllm.trace.program import PROGRAM, Program, earlier_runs

TRAIN = """
import sys
import torch
import newllm

rate, wrong_from = RATE, WRONG
name = sys.argv[1]
torch.manual_seed(0)
weights = torch.randn(8, 3)
model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), rate)
with newllm.record(model, optimizer, out=f"runs/{name}", every=5) as recorder:
    for step in range(160):
        x = torch.randn(32, 8)
        y = (x @ weights).argmax(1)
        loss = torch.nn.functional.cross_entropy(model(x), y.roll(int(step > wrong_from)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
"""
VERSIONS = {"fine": ("0.01", "999"), "wrong": ("0.01", "60"), "faster": ("0.02", "999"), "slow": ("0.0003", "999")}
TOLD = ("parts-from-reference", "differs-from-reference", "program-differs")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the recordings of four versions of one program, made one after the other."""
    place = tmp_path_factory.mktemp("program")
    for name, (rate, wrong_from) in VERSIONS.items():
        record(place, name, TRAIN.replace("RATE", rate).replace("WRONG", wrong_from))
    return place / "runs"


def record(place: Path, name: str, program: str) -> None:
    (place / "train.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path(newllm.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "train.py", name], cwd=place, env=environment, check=True, timeout=240)


@pytest.fixture
def runs(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of these, relative to the directory that a test is in."""
    shutil.copytree(recorded, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return Path("runs")


def severities(diagnosis: newllm.Diagnosis) -> dict[str, str]:
    return {one.kind: one.severity for one in diagnosis.findings if one.kind in TOLD}


def test_the_first_run_is_held_against_none(runs: Path) -> None:
    assert newllm.doctor(runs / "fine").against == ()


def test_a_run_that_comes_to_less_is_told_what_differs(runs: Path) -> None:
    found = newllm.doctor(runs / "slow")
    assert [one.path for one in found.against] == [runs / "faster"]
    assert severities(found) == dict.fromkeys(TOLD, "warning")
    assert tuple(one.kind for one in found.findings)[:3] == TOLD
    assert "learning rate 0.0003 (there 0.02; from step 1 on)" in str(found.findings[1].sentence)
    assert found.wrong
    assert not newllm.doctor(runs / "slow", against=()).wrong


def test_a_fault_comes_before_what_differs(runs: Path) -> None:
    found = newllm.doctor(runs / "wrong")
    assert [one.kind for one in found.findings][:3] == ["spike", "program-differs", "parts-from-reference"]


def test_what_differs_of_a_run_that_came_to_more_is_a_note(runs: Path) -> None:
    found = newllm.doctor(runs / "faster")
    assert [one.path.name for one in found.against] == ["fine"]  # not the newest, of which something is found
    assert set(severities(found).values()) == {"note"}
    assert "learning rate 0.02 (there 0.01; from step 1 on)" in str(found)
    assert not found.wrong


@pytest.mark.usefixtures("runs")
def test_it_is_said_which_run_was_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "runs/slow"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "held against runs/faster (an earlier run of the same program without an alarm of its own)" in said
    assert "it is an alarm only where it comes to less than runs/fine too" in said
    assert main(["doctor", "runs/slow", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["against"] == ["runs/faster"]
    assert main(["doctor", "runs/slow", "--lang", "ja"]) == 1
    assert "runs/faster" in capsys.readouterr().out


@pytest.mark.usefixtures("runs")
def test_alone_holds_it_against_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "runs/slow", "--alone"]) == 0
    assert "faster" not in capsys.readouterr().out
    assert main(["doctor", "runs/slow", "--alone", "--against", "runs/fine"]) == 2
    assert "--alone and --against cannot both be" in capsys.readouterr().err


def test_the_findings_that_are_kept_are_those_of_the_run_by_itself(runs: Path) -> None:
    assert main(["doctor", "runs/slow", "--quiet"]) == 1
    kept = read_checked(runs / "slow" / "findings.json")
    assert kept["findings"] == newllm.doctor(runs / "slow", against=()).as_dict()["findings"]
    assert "against" not in kept


def test_runs_of_a_directory_are_each_judged_by_themselves(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(runs / "wrong")
    assert main(["doctor", "runs", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_a_run_that_cannot_be_read_or_compared_is_passed_over(runs: Path) -> None:
    shutil.rmtree(runs / "faster")
    for name in ("damaged", "empty", "short", "other"):
        shutil.copytree(runs / "fine", runs / name)
    (runs / "damaged" / PROGRAM).write_text("{")
    (runs / "empty" / "trace.jsonl").write_text("")
    rows = (runs / "short" / "trace.jsonl").read_text().splitlines(keepends=True)
    (runs / "short" / "trace.jsonl").write_text("".join(rows[:3]))
    other = read_checked(runs / "other" / PROGRAM)
    write_checked(runs / "other" / PROGRAM, {**other, "main": "eval.py"})
    for name in ("damaged", "empty", "short", "other"):
        os.utime(runs / name / PROGRAM, ns=(0, (runs / "slow" / PROGRAM).stat().st_mtime_ns - 1))
    assert {one.name for one in earlier_runs(runs / "slow")} == {"empty", "short", "wrong", "fine"}
    assert [one.path for one in newllm.doctor(runs / "slow").against] == [runs / "fine"]


@pytest.mark.parametrize("absolute", [True, False])
def test_a_run_in_the_directory_of_its_results_is_held_against_those_of_others(runs: Path, absolute: bool) -> None:
    for name in ("fine", "slow"):
        (runs / "results" / name).mkdir(parents=True)
        (runs / name).rename(runs / "results" / name / "recording")
    at = (Path.cwd() if absolute else Path()) / runs / "results"
    assert [one.path for one in newllm.doctor(at / "slow" / "recording").against] == [at / "fine" / "recording"]


def test_a_bisection_takes_the_same_run(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr("newllm.api.bisected.bisect_runs", lambda run, sound, **_: taken.append((run, sound)))
    newllm.bisect(runs / "slow")
    assert taken == [(runs / "slow", runs / "faster")]
    with pytest.raises(UserError, match=r"beside 'runs/fine' is no earlier run of its program in which nothing is fou"):
        newllm.bisect(runs / "fine")


def test_after_many_wrong_runs_the_last_sound_one_is_found(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(runs / "faster")
    assert main(["doctor", "runs/wrong", "--quiet"]) == 1
    later = (runs / "slow" / PROGRAM).stat().st_mtime_ns - 10
    for at in range(8):
        shutil.copytree(runs / "wrong", runs / f"wrong-{at}")
        os.utime(runs / f"wrong-{at}" / PROGRAM, ns=(0, later + at))
    read = []
    doctor = diagnosed.doctor
    monkeypatch.setattr(diagnosed, "doctor", lambda path, **given: read.append(path) or doctor(path, **given))
    assert [one.path for one in diagnosed.doctor(runs / "slow").against] == [runs / "fine"]
    assert [path.name for path in read] == ["slow", "slow", "fine"]  # of the others it is known


def test_where_something_is_found_in_all_runs_before_it_what_is_found_stands(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("fine", "faster"):
        shutil.rmtree(runs / name)
    shutil.copytree(runs / "wrong", runs / "again")
    os.utime(runs / "again" / PROGRAM, ns=(0, (runs / "slow" / PROGRAM).stat().st_mtime_ns + 10))
    assert main(["doctor", "runs/wrong", "--quiet"]) == 1  # it is known to be wrong then
    shutil.rmtree(runs / "slow")
    alone = {one.kind: one.severity for one in newllm.doctor(runs / "again", against=()).findings}
    assert main(["doctor", "runs/again"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "held against runs/wrong, the newest run of the same program beside it, which has an alarm too" in said
    beside = {one.kind: one.severity for one in newllm.doctor(runs / "again").findings}
    assert alone.items() <= beside.items()
    assert {"as-reference", "in-reference-too"} <= beside.keys()
    with pytest.raises(UserError, match="no earlier run of its program in which nothing is found"):
        newllm.bisect(runs / "again")


def test_an_alarm_that_its_program_has_each_time_stands_and_keeps_no_run_from_being_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = TRAIN.replace("model.parameters()", "model[2].parameters()").replace("WRONG", "999")
    for name, rate in {"first": "0.02", "second": "0.02", "third": "0.01", "slow": "0.0003"}.items():
        record(tmp_path, name, program.replace("RATE", rate))
    assert newllm.doctor("runs/second").doubtful  # by one run nobody knows whether that is usual
    found = newllm.doctor("runs/third")
    assert [one.path for one in found.against] == [Path("runs/second")]
    assert not found.doubtful
    assert found.wrong
    (frozen,) = (one for one in found.findings if one.kind == "frozen-layer")
    assert frozen.severity == "warning"
    assert "never moves (as in runs/second and runs/first before it)" in str(frozen.sentence)
    assert "with no alarm of its own but what most of them have" in str(found.trace.remarks[-1])
    kinds = [one.kind for one in newllm.doctor("runs/slow").findings if one.severity == "warning"]
    assert kinds == [*TOLD, "frozen-layer"]


def test_a_run_that_came_to_less_is_taken_by_none_after_it(runs: Path) -> None:
    """By itself nothing is wrong with the slow one: it is so beside those before it."""
    shutil.copytree(runs / "fine", runs / "next")
    os.utime(runs / "next" / PROGRAM, ns=(0, (runs / "slow" / PROGRAM).stat().st_mtime_ns + 10))
    assert [one.path for one in newllm.doctor(runs / "next").against] == [runs / "faster"]


def test_who_stays_with_a_run_that_came_to_less_is_told_so_twice(runs: Path) -> None:
    for at, name in enumerate(("second", "third")):
        shutil.copytree(runs / "slow", runs / name)
        os.utime(runs / name / PROGRAM, ns=(0, (runs / "slow" / PROGRAM).stat().st_mtime_ns + 10 * (at + 1)))
    assert newllm.doctor(runs / "second").wrong
    assert [one.path for one in newllm.doctor(runs / "third").against] == [runs / "second"]
    assert not newllm.doctor(runs / "third").wrong


def asked_for(run: Path, **changed: Any) -> None:
    """Change what a recording keeps of how it was asked for."""
    about = (run / PROGRAM).stat()
    write_checked(run / PROGRAM, {**read_checked(run / PROGRAM), **changed})
    os.utime(run / PROGRAM, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.mark.parametrize("changed", [{"arguments": ["slow", "--data", "harder"]}, {"nth": 4}])
def test_another_experiment_that_was_asked_for_may_come_to_less(runs: Path, changed: dict[str, Any], capsys) -> None:
    asked_for(runs / "slow", **changed)
    found = newllm.doctor(runs / "slow")
    assert set(severities(found).values()) == {"note"}
    assert not found.wrong
    assert "it comes to less than runs/faster, which was asked for with other options" in str(
        found.findings[0].sentence
    )
    assert "but it comes to less than runs/faster, which was asked for with other options; 4 notes." in str(found)
    assert main(["doctor", "runs/slow"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "newllm bisect runs/slow" in printed
    assert "in grey: runs/faster" in printed  # the curve is drawn beside that of the other run


def test_a_run_with_an_alarm_of_its_own_can_be_bisected_though_it_comes_to_no_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    program = TRAIN.replace("RATE", "0.01").replace("WRONG", "999")
    carried = program.replace("        optimizer.zero_grad()\n", "").replace("Adam", "SGD")
    for name, text in (("fine", program.replace("Adam", "SGD")), ("carried", carried), ("again", carried)):
        record(tmp_path, name, text)
    found = newllm.doctor("runs/carried")
    assert {
        one.kind: one.severity for one in found.findings if one.kind in ("gradient-carried", "program-differs")
    } == {
        "gradient-carried": "fault",
        "program-differs": "note",
    }
    assert main(["doctor", "runs/carried"]) == 1
    assert " ".join(capsys.readouterr().out.split()).count("newllm bisect runs/carried") == 1
    shutil.rmtree("runs/fine")
    assert newllm.doctor("runs/again").doubtful  # of a wrong run nobody knows what a change of it would show
    assert main(["doctor", "runs/again"]) == 1
    assert "newllm bisect" not in capsys.readouterr().out


def test_an_alarm_that_the_runs_before_it_have_too_is_not_bisected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    program = (
        TRAIN.replace("model.parameters()", "model[2].parameters()").replace("WRONG", "999").replace("RATE", ".01")
    )
    for name in ("first", "second", "third"):
        record(tmp_path, name, program.replace("randn(32, 8)", "randn(32, 8) + 0.0") if name == "third" else program)
    found = newllm.doctor("runs/third")
    assert found.wrong
    assert "program-differs" in severities(found)
    assert main(["doctor", "runs/third"]) == 1
    assert "newllm bisect" not in capsys.readouterr().out


def test_a_run_that_was_asked_for_alike_comes_before_a_newer_one(runs: Path) -> None:
    for name in ("fine", "slow"):
        asked_for(runs / name, arguments=[name, "--data", "harder", "--seed", str(len(name))])
    found = newllm.doctor(runs / "slow")
    assert [one.path for one in found.against] == [runs / "fine"]
    assert found.wrong


def test_a_number_by_which_a_run_is_called_asks_for_nothing_else() -> None:
    def program(number: str, *more: str) -> Program:
        return Program("train.py", arguments=("--run", number, *more), directory="/here", out=f"/here/runs/{number}")

    assert is_called_alike(program("3"), program("2"))
    assert not is_called_alike(program("3", "--layers", "2"), program("2", "--layers", "3"))


@pytest.mark.parametrize("path", ["runs/../runs/faster", "./runs/faster"])
def test_a_path_may_be_written_in_any_way(runs: Path, path: str) -> None:
    assert [one.path.resolve() for one in newllm.doctor(path).against] == [(runs / "fine").resolve()]


def test_the_report_says_what_the_doctor_says(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, page = recorded / "wrong", tmp_path / "page.html"
    found = newllm.doctor(run)
    held = held_source(read_source(run), read_source)
    assert [one.kind for one in held.findings] == [one.kind for one in found.findings]
    assert held.problems == read_source(run).problems  # what it was held against is no problem of reading it
    assert held.held is not None
    assert held.held.command == found.bisect_command != ""
    assert main(["report", str(run), "--out", str(page)]) == 0
    shown = page.read_text()
    assert "held against" in shown
    assert found.bisect_command in shown
    assert re.search(r"<code>[^<]*\bwrong_from\b[^<]* 60\b", shown)
    assert re.search(r"<p>the program is not as in [^<]* 60", shown.partition("held against")[0]), "in the verdict"
    assert main(["report", str(run), "--alone", "--out", str(page)]) == 0
    assert "held against" not in page.read_text()
    assert main(["report", str(run), "--against", str(recorded / "faster"), "--out", str(page)]) == 0
    assert "--against" in page.read_text()
    assert repr(newllm.show(run)) == repr(found.show())
    capsys.readouterr()


def test_a_report_that_is_given_away_has_no_line_of_a_program(recorded: Path, tmp_path: Path) -> None:
    for runs in (["wrong"], ["fine", "wrong"]):
        packed = tmp_path / f"{len(runs)}.zip"
        assert main(["report", "--zip", *(str(recorded / one) for one in runs), "--out", str(packed)]) == 0
        with zipfile.ZipFile(packed) as content:
            assert not [name for name in content.namelist() if b"wrong_from" in content.read(name)]


def test_against_is_of_one_run(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = [str(recorded / one) for one in ("wrong", "slow")]
    assert main(["report", *two, "--against", str(recorded / "fine")]) == 2
    assert "several are held against the first of them" in capsys.readouterr().err
    assert main(["report", two[0], "--alone", "--against", two[1]]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_runs_of_one_program_are_compared_by_its_code(recorded: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["report", *(str(recorded / one) for one in ("fine", "wrong")), "--out", str(page)]) == 0
    shown = page.read_text()
    assert "What differs from fine" in shown
    assert "<code>program</code>" in shown
    assert re.search(r"<code>[^<]*\bwrong_from\b[^<]* 60\b", shown)
