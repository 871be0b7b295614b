"""`doctor` and `report` on logs whose columns are named otherwise, and on directories that hold several runs."""

import json
import shutil
from pathlib import Path

import pytest

TABLE = "counter,objective\n" + "".join(f"{10 * at},{5 - at / 100}\n" for at in range(100))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log.csv").write_text(TABLE)
    return tmp_path / "log.csv"


def test_the_doctor_judges_the_columns_that_are_named(call, log: Path) -> None:
    assert call("doctor", log, "--json").code == 2  # no loss is understood
    done = call("doctor", log, "--json", "--loss", "objective", "--step", "counter")
    assert done.code == 0
    assert json.loads(done.out)["judged"] is True


def test_a_report_shows_them(call, log: Path, tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    assert call("report", log, "--loss", "objective", "--step", "counter", "--out", place).code == 0
    assert '"loss"' in place.read_text()


@pytest.mark.parametrize("command", ["doctor", "report"])
def test_a_column_that_is_not_there_is_one_line(refused, log: Path, command: str) -> None:
    said = refused(command, log, "--loss", "loss")
    assert f"--loss 'loss': '{log}' has no such column of numbers: it has counter, objective" in said


def test_a_report_of_several_runs_is_refused(refused, finished: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(finished, tmp_path / "runs" / name)
    assert "holds several runs (a, b): name the one that is meant" in refused("report", tmp_path / "runs")


@pytest.mark.parametrize("command", ["doctor", "report"])
def test_a_run_of_ours_needs_no_names(refused, run: Path, command: str) -> None:
    for option, value in [("--loss", "validation_loss"), ("--role", "lr=loss")]:
        assert {"--loss": "--loss", "--role": "--role learning_rate"}[option] in refused(command, run, option, value)


def test_training_on_a_table_of_texts_is_offered_and_then_works(call, refused, tiny, tmp_path: Path) -> None:
    place = tmp_path / "reviews.csv"
    rows = "".join(f'{at},"the film {at} was good, and long enough for me"\n' for at in range(200))
    place.write_text(f"id,review\n{rows}")
    said = refused("train", place, *tiny, "--steps", "2", "--out", tmp_path / "run")
    assert f"is a CSV with a text column 'review' (columns: 'id', 'review'): give '{place}#review'" in said
    assert not (tmp_path / "run").exists()
    assert call("train", f"{place}#review", *tiny, "--steps", "2", "--quiet", "--out", tmp_path / "run").code == 0
    (source,) = json.loads((tmp_path / "run/data.json").read_text())["sources"]
    assert source["name"] == f"{place}#review"
    assert call("eval", tmp_path / "run", f"{place}#review").code == 0
