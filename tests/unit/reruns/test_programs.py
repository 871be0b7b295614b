"""Recordings whose programs are run again: what is shown of each, and that nothing of the user's is touched."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import newllm
from newllm.checksum import read_checked, write_checked
from newllm.cli.main import main
from newllm.cli.rerun_page import RerunLines
from newllm.errors import UserError
from newllm.messages import catalogue
from newllm.report.source import read_source
from newllm.reruns.result import RERUN, Rerun, read_rerun

PROGRAM = """
import sys
import torch
import newllm
from torch import nn
from torch.nn.functional import cross_entropy

what, steps = sys.argv[1], 230
torch.manual_seed(0)
labels = torch.randn(16, 5)
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
if what in ("decay", "one-batch", "carried"):
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
else:
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
if what == "unseeded":
    torch.seed()
with newllm.record(model, optimizer, out=f"runs/{what}") as recorder:
    for step in range(1, steps + 1):
        x = torch.randn(64, 16)
        y = (x @ labels).argmax(1)
        if what == "batches" and 150 <= step < 153 or what == "one-batch" and step == 150:
            x, y = 8 * x, y.roll(1)
        if what == "weights" and step == 150:
            with torch.no_grad():
                model[2].weight.mul_(6)
        for group in optimizer.param_groups:
            if what in ("rate", "unseeded"):
                group["lr"] = (0.3 if what == "rate" else 1.0) if 150 <= step < 153 else 3e-3
            if what == "decay" and step >= 150:
                group["weight_decay"] = 2.0
        loss = cross_entropy(model(x), y)
        if what != "carried" or step < 150:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
"""


def record(place: Path, what: str) -> Path:
    (place / "train.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(Path(newllm.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "train.py", what], cwd=place, env=environment, check=True, timeout=240)
    return place / "runs" / what


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(newllm.__file__).parents[1]))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("program")


@pytest.fixture(scope="module")
def glitch(place: Path) -> Path:
    """Return a recording with a hundredfold learning rate for three steps."""
    return record(place, "rate")


def digest(directory: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != RERUN
    }


def outcomes(found: Rerun) -> dict[str, str]:
    return {"as it was" if one.change is None else one.change.name: one.outcome for one in found.trials}


def test_the_rate_is_shown_to_be_the_cause_and_nothing_of_the_users_is_touched(
    place: Path, glitch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest(place)
    assert newllm.doctor(glitch, against=()).can_be_rerun
    told = io.StringIO()
    watcher = RerunLines(told, catalogue("en"))
    found = newllm.rerun(glitch, only=["hold-learning-rate"], budget=240, watcher=watcher)
    assert "then with up to" in told.getvalue()
    assert found.identical is True
    assert outcomes(found) == {"as it was": "stays", "hold-learning-rate": "gone", "inject": "there"}
    assert found.cause is not None
    assert (found.cause.first, found.cause.before, found.cause.within) == (150, 0.003, 0.3)
    assert "The cause is the learning rate from step 150 on (0.3 in place of 0.003)" in str(found)
    assert found.left == 0  # the others only tell what helps
    assert "Not tried, as the cause is shown: skip-updates, clip-gradients" in str(found)
    assert "edited since" not in told.getvalue()
    assert "remains unknown" not in str(found)
    assert digest(place) == before
    kept = read_rerun(glitch)
    assert kept is not None
    assert kept.as_dict() == found.as_dict()
    again = newllm.rerun(glitch, only=["hold-learning-rate"], budget=240)
    assert again.trials == kept.trials  # nothing is run twice
    assert main(["replay", str(glitch), "--show"]) == 0
    shown = capsys.readouterr().out
    assert "Sufficient: with the learning rate 100 times as high" in " ".join(shown.split())
    assert main(["replay", str(glitch), "--show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cause"] == "hold-learning-rate"
    assert main(["replay", str(glitch), "--show", "--quiet", "--lang", "ja"]) == 0
    assert "原因はステップ150からの学習率" in capsys.readouterr().out
    diagnosis = newllm.doctor(glitch, against=())
    assert diagnosis.as_dict()["replays"]["cause"] == "hold-learning-rate"
    assert not diagnosis.can_be_rerun
    assert "The cause is the learning rate from step 150 on" in str(diagnosis)
    assert main(["doctor", str(glitch), "--alone"]) == 1
    assert "The cause is the learning rate from step 150" in " ".join(capsys.readouterr().out.split())
    (glitch / "findings.json").unlink()
    assert main(["report", str(glitch), "--out", str(place / "page.html")]) == 0
    assert "The cause is the learning rate from step 150 on" in (place / "page.html").read_text()
    assert read_source(glitch).problems == ()


def test_a_time_that_is_up_is_said_and_the_next_call_goes_on(place: Path) -> None:
    run = record(place, "batches")
    found = newllm.rerun(run, only=["skip-updates", "keep-state"], budget=0.5)
    assert found.trials == ()
    assert found.identical is None
    assert "The time was up" in str(found)
    assert newllm.rerun(run, only=["skip-updates", "keep-state"], budget=240).is_given


@pytest.mark.slow
@pytest.mark.parametrize(("what", "cause"), [
    ("batches", "given"), ("one-batch", "given"), ("weights", "keep-state"), ("decay", "hold-weight-decay"),
    ("rate", "hold-learning-rate"), ("carried", "clear-gradients"),
])  # fmt: skip
def test_the_cause_of_each_is_shown(place: Path, what: str, cause: str) -> None:
    found = newllm.rerun(record_new(place, what), budget=600)
    assert found.identical is True
    assert found.as_dict()["cause"] == cause
    assert found.left == 0


def record_new(place: Path, what: str) -> Path:
    own = place / f"{what}-alone"
    own.mkdir()
    return record(own, what)


@pytest.mark.slow
def test_of_a_program_that_draws_anew_each_time_no_cause_is_named(place: Path) -> None:
    found = newllm.rerun(record(place, "unseeded"), budget=600)
    assert found.identical is False
    assert found.cause is None
    assert outcomes(found)["hold-learning-rate"] == "gone"
    assert "A change may seem to help by chance" in str(found)


def test_what_cannot_be_run_again_is_said_in_a_line(
    glitch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: str) -> str:
        assert main(["replay", *arguments]) == 2
        return capsys.readouterr().err

    assert "of this run there is hold-learning-rate, skip-updates" in refused(str(glitch), "--only", "magic")
    assert "give a number from 1 to 1" in refused(str(glitch), "--spike", "2")
    assert "--workers is for runs of newllm train" in refused(str(glitch), "--workers", "2")
    copy = tmp_path / "run"
    copy.mkdir()
    for one in glitch.iterdir():
        if one.is_file() and one.name not in ("program.json", RERUN):
            (copy / one.name).write_bytes(one.read_bytes())
    assert "keeps no program" in refused(str(copy))
    assert "has no replay yet" in refused(str(copy), "--show")
    (copy / RERUN).write_text("{")
    assert "is damaged" in refused(str(copy), "--show")
    with pytest.raises(UserError, match="is no recording"):
        newllm.rerun(tmp_path)


def test_a_program_that_fails_now_is_shown_with_its_last_line(tmp_path: Path) -> None:
    run = record(tmp_path, "rate")
    lines = io.StringIO()
    found = newllm.rerun(broken(run), budget=120, watcher=RerunLines(lines, catalogue("en")))
    assert "train.py: edited since. What was recorded is run." in lines.getvalue()
    assert outcomes(found) == {"as it was": "failed"}
    assert "ModuleNotFoundError: No module named 'gone_meanwhile'" in str(found)
    assert found.changed_data == ("table.csv",)
    assert "table.csv: not what the recording read" in str(found)
    assert found.cause is None


def broken(run: Path) -> Path:
    """Return the run with a program that imports what is not there any more."""
    kept = read_checked(run / "program.json")
    kept["files"]["train.py"] = "import gone_meanwhile\n" + kept["files"]["train.py"]
    kept["data"] = {"table.csv": {"bytes": 3, "sha256": "0" * 64}}
    write_checked(run / "program.json", kept)
    return run
