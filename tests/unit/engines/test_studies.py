"""A study on every engine: the same records, a killed worker, a killed driver, and processors of several kinds."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.engines.tiny_study import TINY, content

from newllm.checksum import read_checked, write_checked
from newllm.study import load_results, run_study
from newllm.training.environment import DECIDES_BITS, describe_place


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    (tmp_path / "tiny.py").write_text(TINY)
    return tmp_path / "tiny.py"


@pytest.mark.slow
def test_records_are_those_of_local_to_the_byte(engine_name: str, study_file: Path, tmp_path: Path) -> None:
    plain = run_study(str(study_file), tmp_path / "plain", workers=1)
    found = run_study(str(study_file), tmp_path / "out", workers=2, engine=engine_name)
    assert content(tmp_path / "out") == content(tmp_path / "plain")
    assert len(content(tmp_path / "out")) == 4 * 8
    for name in ("rows", "claims", "curves", "failed", "worker_deaths", "waiting", "unpaired"):
        assert found[name] == plain[name], name
    label = {"slurm": "slurm (local processes)"}.get(engine_name, engine_name)
    cell = read_checked(tmp_path / "out" / "cells" / "base-seed0" / "cell.json")
    assert cell["place"] == {**describe_place("local"), "engine": label}
    (kind,) = found["processors"]
    assert (kind["engines"], kind["runs"]) == ([label], 4)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        path.name for path in (tmp_path / "plain").iterdir()
    }


@pytest.mark.slow
def test_a_killed_worker_s_cell_is_run_again_and_comes_to_the_same(
    engine_name: str, study_file: Path, tmp_path: Path
) -> None:
    run_study(str(study_file), tmp_path / "plain", seeds=1)
    (tmp_path / "begun.log").unlink()
    (tmp_path / "kill").touch()
    found = run_study(str(study_file), tmp_path / "out", seeds=1, workers=1, engine=engine_name)
    assert content(tmp_path / "out") == content(tmp_path / "plain")
    code = " (exit code -9)" if engine_name == "local" else ""
    said = f"a worker died{code}" if code else "a worker was lost"
    assert found["worker_deaths"] == [f"{said} at base, seed 0"]
    begun = (tmp_path / "begun.log").read_text().splitlines()
    assert [line for line in begun if line.endswith(" 0")] == ["0.0001 0 0", "0.0001 0 0", "1e-05 0 0"]


@pytest.mark.slow
def test_after_a_killed_driver_the_next_goes_on_and_nothing_of_the_first_writes_any_more(
    engine_name: str, study_file: Path, tmp_path: Path
) -> None:
    if engine_name == "ray":
        pytest.skip("a Ray of its own ends with its driver: see test_kills.py and test_ray.py")
    out = tmp_path / "out"
    (tmp_path / "hold").touch()
    command = [sys.executable, "-m", "newllm", "study", str(study_file), "--seeds", "1", "--workers", "1"]
    process = subprocess.Popen([*command, "--engine", engine_name, "--out", str(out), "--quiet"])
    deadline = time.monotonic() + 60
    while not (tmp_path / "begun.log").exists() or " 2" not in (tmp_path / "begun.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first = json.loads((out / "cells" / "base-seed0" / "summary.json").read_text())["pid"]
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    (tmp_path / "hold").unlink()
    run_study(str(study_file), out, seeds=1, workers=1, engine=engine_name)
    run_study(str(study_file), tmp_path / "plain", seeds=1)
    assert content(out) == content(tmp_path / "plain")
    assert json.loads((out / "cells" / "base-seed0" / "summary.json").read_text())["pid"] != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


@pytest.mark.slow
def test_only_cells_of_one_kind_of_processor_are_paired(study_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    alike = run_study(str(study_file), out, seeds=4)
    assert (len(alike["processors"]), alike["unpaired"]) == (1, [])
    assert not any("kind" in row for row in alike["rows"])
    for arm, seed in (("base", 1), ("slow", 1), ("slow", 2)):
        place = out / "cells" / f"{arm}-seed{seed}" / "cell.json"
        cell = {name: value for name, value in read_checked(place).items() if name != "sha256"}
        cell["place"] |= {"host": "other", "cpu_capability": "DEFAULT"}
        write_checked(place, cell)
    found = run_study(str(study_file), out, seeds=4)
    assert [(kind["cpu_capability"], kind["hosts"], kind["runs"]) for kind in found["processors"][1:]] == [
        ("DEFAULT", ["other"], 3)
    ]
    assert found["unpaired"] == ["slow, seed 2"]
    kinds = {(row["arm"], row["seed"]): row["kind"] for row in found["rows"]}
    assert kinds == {("base", 0): 1, ("slow", 0): 1, ("base", 1): 2, ("slow", 1): 2, ("base", 2): 1, ("base", 3): 1,
                     ("slow", 3): 1}  # fmt: skip
    assert found["claims"][0]["numbers"]["difference"] != alike["claims"][0]["numbers"]["difference"]
    assert load_results(out / "results.json") == found


@pytest.mark.slow
def test_a_cell_from_before_there_were_places_is_of_the_kind_that_its_run_names(
    study_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    before = run_study(str(study_file), out, seeds=1)
    for place in out.glob("cells/*/cell.json"):
        cell = read_checked(place)
        write_checked(place, {name: value for name, value in cell.items() if name not in ("place", "sha256")})
    after = run_study(str(study_file), out, seeds=1)
    assert after["rows"] == before["rows"]
    (kind,) = after["processors"]
    assert {name: kind[name] for name in DECIDES_BITS} == {name: before["processors"][0][name] for name in DECIDES_BITS}
    assert (kind["hosts"], kind["runs"]) == ([], 2)
