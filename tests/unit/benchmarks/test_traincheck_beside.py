"""The driver of TrainCheck: programs that run, and what is read of its answers. TrainCheck itself is not needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import traincheck_beside
from traincheck_beside import HERE, PROGRAM, RECORDED, _seconds, _violations


@pytest.mark.slow
def test_the_programs_run_and_tell_their_seconds(tmp_path: Path) -> None:
    told = {"here": str(HERE), "name": "clipped_after_the_step", "fixed": True, "seed": 1}
    program = PROGRAM.format(**told, steps=3)
    # What the collector looks for: a line with model, = and optimizer, and a loop that calls a step.
    assert any(all(word in line for word in ("model", "=", "optimizer")) for line in program.splitlines())
    (tmp_path / "one.py").write_text(program)
    (tmp_path / "two.py").write_text(PROGRAM.format(**told, steps=0) + RECORDED.format(steps=3))
    for name in ("one.py", "two.py"):
        call = [sys.executable, name, "run"]
        done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert len(_seconds(done.stdout)) == 3
    assert (tmp_path / "run" / "trace.jsonl").stat().st_size > 0


def test_a_program_that_ends_early_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="did not end"):
        _seconds("Traceback")


def test_the_first_step_of_each_violation_is_read(tmp_path: Path) -> None:
    for name, step in (("a", 4), ("b", 2), ("c", None)):
        (tmp_path / name).mkdir()
        said = {"violations": [{"display_name": "x() always calls y()", "first_step": step}]}
        (tmp_path / name / "violations_summary.json").write_text(json.dumps(said))
    assert _violations(tmp_path) == {"x() always calls y()": -1}


def test_what_the_twin_violates_too_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    violated = {"target-results": {"a": 3, "b": 1}, "control-results": {"b": 0}}
    monkeypatch.setattr(traincheck_beside, "_violations", lambda results: violated[results.name])
    monkeypatch.setattr(traincheck_beside, "_run", lambda *_: "")
    monkeypatch.setattr(traincheck_beside, "_collect", lambda *_: [4.0] * 5)
    monkeypatch.setattr(traincheck_beside, "_call", lambda *_: "seconds [1, 1, 1, 1]")
    (tmp_path / "invariants.json").write_text("{}\n{}\n")
    found = traincheck_beside.compared("clipped_after_the_step", 4, tmp_path, tmp_path)
    assert (found["told"], found["step"], found["in the fixed twin"], found["invariants"]) == (["a"], 3, 1, 2)
    assert found["times a step"] == {"collecting": 4.0, "checking": 4.0, "newllm.record": 1.0}
