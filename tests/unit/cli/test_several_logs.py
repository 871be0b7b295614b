"""`newllm doctor DIR` on a directory that holds several runs or logs: a line for each, the worst in full."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from newllm.checksum import write_checked
from newllm.trace import TraceWriter

FALLING = 0.5 + 2 * np.exp(-np.arange(80) / 10) + 0.01 * np.sin(7 * np.arange(80))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    place = tmp_path / "logs"
    place.mkdir()
    losses = {"sound": FALLING, "lost": np.where(np.arange(80) < 40, FALLING, np.nan), "spiky": FALLING.copy()}
    losses["spiky"][40:44] += 4.0
    for name, loss in losses.items():
        (place / f"{name}.csv").write_text("step,loss\n" + "".join(f"{at},{one}\n" for at, one in enumerate(loss)))
    (place / "requirements.txt").write_text("torch\n")
    return place


def test_each_log_has_a_line_and_the_worst_follows(call, logs: Path) -> None:
    done = call("doctor", logs)
    assert done.code == 1
    said = " ".join(done.out.split())
    assert "3 logs, 2 of them with something wrong; the worst follows in full" in said
    assert "lost.csv The model is lost: its loss is not finite from step 40 to the end." in said
    assert "spiky.csv loss jumps from" in said
    assert "sound.csv Nothing wrong found in 80 points of 1 signal." in said
    assert said.index("lost.csv The") < said.index("spiky.csv loss") < said.index("sound.csv Nothing")
    assert "not judged: requirements.txt" in said
    assert f"{logs}#lost.csv" in said
    assert "left out" not in said


def test_json_holds_all_of_them(call, logs: Path) -> None:
    done = call("doctor", logs, "--json")
    assert done.code == 1
    content = json.loads(done.out)
    assert content["run"] == f"{logs}#lost.csv"
    assert [one["run"].rpartition("#")[2] for one in content["logs"]] == ["lost.csv", "sound.csv", "spiky.csv"]
    assert list(content["unread"]) == ["requirements.txt"]


def test_quiet_names_those_that_have_something_wrong(call, logs: Path) -> None:
    said = call("doctor", logs, "--quiet").out
    assert "lost.csv" in said
    assert "sound.csv" not in said
    for name in ("lost.csv", "spiky.csv"):
        (logs / name).unlink()
    (logs / "other.csv").write_text((logs / "sound.csv").read_text())
    done = call("doctor", logs, "--quiet")
    assert (done.code, done.out) == (0, "")


def test_one_named_run_is_read_alone(call, logs: Path) -> None:
    done = call("doctor", f"{logs}#sound.csv")
    assert done.code == 0
    assert "lost.csv" not in done.out
    assert call("doctor", logs, "--lang", "ja").out.count("ログ3件") == 1


def test_the_largest_file_need_not_be_a_log(call, logs: Path) -> None:
    (logs / "vocab.json").write_text(json.dumps({"name": ["word"] * 5000}))
    done = call("doctor", logs)
    assert done.code == 1
    assert "3 logs, 2 of them" in " ".join(done.out.split())
    assert "not judged: vocab.json" in done.out


@pytest.mark.parametrize("written", ["logs", "logs/", "./logs"])
def test_logs_have_their_own_names_however_the_directory_is_written(
    call, logs: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.chdir(logs.parent)
    (logs / "spiky.csv").rename(logs / "try#2.csv")
    said = call("doctor", written).out
    assert "✔ sound.csv" in said or "+ sound.csv" in said
    assert "try#2.csv loss jumps from" in " ".join(said.split())


def test_what_is_not_listed_is_counted(call, logs: Path) -> None:
    for number in range(10):
        (logs / f"notes-{number}.txt").write_text("nothing to read\n")
    said = call("doctor", logs).out
    assert said.count("not judged:") == 8
    assert "3 more were not judged" in said


def test_logs_that_hold_too_little_are_not_called_healthy(call, logs: Path) -> None:
    for log in logs.glob("*.csv"):
        log.write_text("step,loss\n1,2.0\n2,1.9\n")
    done = call("doctor", logs)
    assert done.code == 2
    assert "3 logs, nothing wrong found; 3 of them hold too little to judge" in done.out


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two recordings, as newllm.record leaves them, one without a step, and one that holds nothing."""
    place = tmp_path / "runs"
    for name, loss in {"sound": FALLING, "lost": np.where(np.arange(80) < 40, FALLING, np.nan)}.items():
        (place / name).mkdir(parents=True)
        with TraceWriter(place / name / "trace.jsonl") as trace:
            for at, one in enumerate(loss):
                trace.write(at + 1, loss=float(one))
        write_checked(place / name / "recording.json", {"every": 10, "layers": []})
    for name in ("begun", "empty"):
        (place / name).mkdir()
    write_checked(place / "begun" / "recording.json", {})
    (place / "empty" / "trace.jsonl").write_bytes(b"")
    return place


@pytest.mark.parametrize("written", [".", "../runs", "../runs/"])
def test_runs_have_their_own_names_however_the_directory_is_written(
    call, runs: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.chdir(runs)
    said = " ".join(call("doctor", written).out.split())
    assert " lost The model is lost" in said
    assert " sound Nothing wrong found" in said


def test_each_run_of_ours_is_judged_and_keeps_its_findings(call, runs: Path) -> None:
    done = call("doctor", runs)
    said = " ".join(done.out.split())
    assert done.code == 1
    assert "3 runs, 1 of them with something wrong; the worst follows in full" in said
    assert said.index("lost The model is lost") < said.index("sound Nothing wrong found") < said.index("empty")
    assert "not judged: begun ('" in said
    for name in ("lost", "sound"):
        assert json.loads((runs / name / "findings.json").read_text())["run"] == str(runs / name)
    for name in ("lost", "sound", "empty"):
        shutil.rmtree(runs / name)
    (runs / "another").mkdir()
    write_checked(runs / "another" / "recording.json", {})
    done = call("doctor", runs)
    assert done.code == 2
    assert "holds 2 runs, and none can be judged; 'another': " in done.err
