"""The machine of a study: grid, resumption, dead workers, refusals."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from newllm.cli import study as command
from newllm.cli.main import main
from newllm.errors import UserError
from newllm.study import INCLUDED_STUDIES, Claim, decide, has_more, load_results, load_study, plan, run_study
from newllm.time_limit import TimeLimit
from newllm.trace import read_signal
from newllm.training.run import RunDirectory


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
def test_a_finished_cell_is_never_run_again_and_more_seeds_are_added(study_file, runs, tmp_path) -> None:
    path, out = str(study_file()), tmp_path / "out"
    first = run_study(path, out, seeds=1)
    assert runs() == ["0.1 0", "0.001 0"]
    assert [claim["verdict"] for claim in first["claims"]] == ["undecided"]
    assert first["claims"][0]["numbers"] == {"seeds": 1, "needed": 3}
    second = run_study(path, out, seeds=3, workers=2)
    assert sorted(runs()) == sorted(["0.1 0", "0.001 0", "0.1 1", "0.001 1", "0.1 2", "0.001 2"])
    assert [claim["verdict"] for claim in second["claims"]] == ["holds"]
    assert [row["data"] for row in second["rows"] if row["arm"] == "low"] == [
        "bundled:sentences",
        "bundled:sentences-sea",
        "bundled:sentences",
    ]
    again = run_study(path, out, seeds=3)
    assert len(runs()) == 6
    assert again == second == load_results(out / "results.json")
    assert (out / "page.txt").read_text() == "6"
    assert "Lower is better. | holds" in (out / "claims.md").read_text()
    assert (out / "gains.csv").read_text() == "arm,last\nbase,1\n"


@pytest.mark.slow
def test_a_cell_whose_record_is_damaged_is_run_again(study_file, runs, tmp_path) -> None:
    path, out = str(study_file()), tmp_path / "out"
    run_study(path, out, seeds=1)
    damaged = next((out / "cells").glob("low-*"))
    damaged.write_text(damaged.read_text()[:20])
    run_study(path, out, seeds=1)
    assert runs() == ["0.1 0", "0.001 0", "0.001 0"]


def test_an_arm_by_the_clock_is_refused(study_file, tmp_path) -> None:
    path = study_file(more='(Arm("clock", "Ends by the clock.", "founding-baseline", ("training.seconds=5",), 1),)')
    with pytest.raises(UserError, match=r"arm 'clock': training.seconds is 5: .* say how many epochs"):
        plan(load_study(str(path)), tmp_path, 1)


ENDLESS = '(Arm("endless", "Has no end.", "founding-baseline", ("optimizer.learning_rate=0.75",), 1),)'


@pytest.mark.slow
def test_what_runs_when_the_time_is_up_is_ended_and_told_and_the_study_goes_on_from_there(
    study_file, runs, tmp_path
) -> None:
    path, out = str(study_file(more=ENDLESS)), tmp_path / "out"
    limit = TimeLimit(60, lambda: 59.0 if "0.75 0" in runs() else 0.0, began=0.0)
    (tmp_path / "runs.log").touch()
    first = run_study(path, out, seeds=2, time=limit)
    assert first["waiting"] == ["endless, seed 0", "base, seed 1", "low, seed 1", "endless, seed 1"]
    assert [row["arm"] for row in first["rows"]] == ["base", "low"]
    (tmp_path / "go").touch()
    second = run_study(path, out, seeds=2)
    assert (second["waiting"], len(second["rows"])) == ([], 6)
    assert runs().count("0.1 0") == 1


@pytest.mark.slow
def test_a_quick_study_has_minutes_and_says_what_they_were_not_enough_for(
    study_file, tmp_path, capsys, monkeypatch
) -> None:
    path = study_file(more=ENDLESS)
    path.write_text(path.read_text().replace('quick=("base",)', 'quick=("base", "endless")'))
    log = tmp_path / "runs.log"
    log.touch()

    def limit(seconds: float, began: float) -> TimeLimit:
        assert seconds == 300.0
        return TimeLimit(seconds, lambda: 295.0 if "0.75 0" in log.read_text() else 0.0, began=0.0 * began)

    monkeypatch.setattr(command, "TimeLimit", limit)
    assert main(["study", str(path), "--quick", "--workers", "1", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "1 run had no time (endless, seed 0): the same command goes on with it" in said.out


def test_a_study_that_finishes_no_run_in_its_time_is_one_line(study_file, tmp_path) -> None:
    with pytest.raises(UserError, match=r"no run of '.*' was finished in 60 s"):
        run_study(str(study_file()), tmp_path / "out", time=TimeLimit(60, lambda: 60.0, began=0.0))


@pytest.mark.slow
def test_a_worker_that_dies_is_told_and_its_cell_is_run_again(study_file, runs, tmp_path) -> None:
    more = '(Arm("deadly", "Dies once.", "founding-baseline", ("optimizer.learning_rate=0.5",), 1),)'
    path = str(study_file(more=more))
    results = run_study(path, tmp_path / "out", seeds=1)
    assert runs().count("0.5 0") == 2
    assert results["worker_deaths"] == ["a worker died (exit code 9) at deadly, seed 0"]
    assert results["failed"] == {}
    assert len(results["rows"]) == 3


@pytest.mark.slow
def test_a_cell_that_cannot_be_is_told_and_the_study_goes_on(study_file, tmp_path, capsys) -> None:
    more = '(Arm("bad", "Cannot be.", "founding-baseline", ("optimizer.learning_rate=0.25",), 1),)'
    out = tmp_path / "out"
    assert main(["study", str(study_file(more=more)), "--seeds", "1", "--workers", "1", "--out", str(out)]) == 1
    assert "failed: bad, seed 0: this one cannot be" in capsys.readouterr().out
    assert len(load_results(out / "results.json")["rows"]) == 2


@pytest.mark.slow
def test_a_changed_configuration_over_old_results_is_refused(study_file, runs, tmp_path) -> None:
    out = tmp_path / "out"
    run_study(str(study_file()), out, seeds=1)
    before = (out / "results.json").read_bytes()
    with pytest.raises(UserError, match=r"another configuration of 'base, seed 0'.*choose another --out"):
        run_study(str(study_file(base=0.2)), out, seeds=1)
    assert (out / "results.json").read_bytes() == before
    assert len(runs()) == 2


def test_another_study_s_directory_is_refused(study_file, tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "study.json").write_text(json.dumps({"study": "other", "cells": {}}))
    with pytest.raises(UserError, match="holds the study 'other', not 'small'"):
        run_study(str(study_file()), out, seeds=1)
    (out / "study.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        run_study(str(study_file()), out, seeds=1)


def test_studies_that_are_none(tmp_path) -> None:
    with pytest.raises(UserError, match=r"unknown study 'foundin': did you mean 'founding'"):
        load_study("foundin")
    with pytest.raises(UserError, match=r"no file 'gone.py'"):
        load_study("gone.py")
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(UserError, match="cannot be loaded \\(ZeroDivisionError"):
        load_study(str(tmp_path / "broken.py"))
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(UserError, match="defines no study"):
        load_study(str(tmp_path / "empty.py"))
    with pytest.raises(UserError, match=r"is damaged|cannot read"):
        load_results(tmp_path / "absent.json")


@pytest.mark.slow
def test_the_command_lists_studies_and_speaks_json(study_file, tmp_path, capsys) -> None:
    assert main(["study", "--list"]) == 0
    assert "founding" in capsys.readouterr().out
    assert main(["study", "--list", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["studies"]) == set(INCLUDED_STUDIES)
    arguments = ["study", str(study_file()), "--quick", "--json", "--workers", "1", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["claims"] == [{"id": "1", "verdict": "undecided", "arms": ["base", "low"]}]
    assert main(["study"]) == 2
    assert main(["study", str(study_file()), "--seeds", "0"]) == 2


def test_the_study_in_the_docs_is_one(tmp_path) -> None:
    page = (Path(__file__).parents[3] / "docs/studies.md").read_text()
    source = page.split("```python\n# warm_up.py\n")[1].split("```")[0]
    (tmp_path / "warm_up.py").write_text(source)
    study = load_study(str(tmp_path / "warm_up.py"))
    cells = plan(study, tmp_path, 3)
    assert [cell.data for cell in cells[::2]] == list(study.sets)
    assert cells[1].config.optimizer.warmup == 50
    assert len({cell.key for cell in cells}) == 6
    row = {"probe_height": 2.0, "seed": 0, "data": "a"}
    rows = {"plain": [row] * 6, "warm-up": [{**row, "probe_height": 1.0}] * 6}
    assert study.claims[0].decide(rows).verdict == "holds"


@pytest.mark.slow
def test_fewer_runs_never_replace_the_results_of_more(study_file, runs, tmp_path) -> None:
    path, out = str(study_file()), tmp_path / "out"
    run_study(path, out, quick=True)
    run_study(path, out, seeds=2, workers=2)
    before = (out / "results.json").read_bytes()
    for quick, seeds in ((True, None), (False, 1)):
        with pytest.raises(UserError, match="holds 4 runs, and not all of them are asked for now"):
            run_study(path, out, quick=quick, seeds=seeds)
    assert (out / "results.json").read_bytes() == before
    assert len(runs()) == 4


def test_a_directory_that_holds_something_else_is_left_alone(study_file, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/README.md").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no study"):
        run_study(str(study_file()), tmp_path / "mine", seeds=1)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["README.md"]


@pytest.mark.slow
def test_another_way_to_measure_is_another_study(study_file, tmp_path) -> None:
    path, out = study_file(), tmp_path / "out"
    run_study(str(path), out, seeds=1)
    path.write_text(path.read_text().replace('"seconds": 0.1', '"seconds": 0.2'))
    with pytest.raises(UserError, match="another configuration"):
        run_study(str(path), out, seeds=1)


def test_a_comparison_that_chance_explains_is_undecided() -> None:
    study = load_study("founding")
    claim = Claim("1", "More.", "More.", ("a", "b"), has_more("a", "b", "x"))
    study = dataclasses.replace(
        study, claims=(claim, dataclasses.replace(claim, id="2", arms=("a", "gone"), compares=True))
    )
    rows = [
        {"arm": arm, "seed": s, "data": f"{s % 3}", "x": s % 2 + (arm == "a") * 0.1} for arm in "ab" for s in range(7)
    ]
    first, second = decide(study, rows)
    assert first["p_holm"] == 2 * first["p"]  # the claim that could not be tested is counted
    assert first["verdict"] == "holds"
    assert (second["verdict"], second["p"]) == ("undecided", None)
    rows[0]["x"] = -3.0
    assert decide(study, rows)[0]["verdict"] == "undecided"


@pytest.mark.slow
def test_what_a_kill_left_half_written_stands_in_nobodys_way_and_is_swept_up(study_file, tmp_path) -> None:
    path, out = str(study_file()), tmp_path / "out"
    for folder in (out, out / "texts", out / "cells"):
        folder.mkdir(exist_ok=True)
        (folder / ".study.json.ab12.tmp").touch()
    run_study(path, out, seeds=1)
    assert not list(out.rglob("*.tmp"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".letter.tmp").touch()
    with pytest.raises(UserError, match="is not empty and holds no study"):
        run_study(path, tmp_path / "other", seeds=1)
    assert (tmp_path / "other" / ".letter.tmp").exists()


@pytest.mark.slow
def test_results_without_their_runs_are_not_replaced(study_file, runs, tmp_path) -> None:
    path, out = str(study_file()), tmp_path / "out"
    run_study(path, out, seeds=1)
    before = (out / "results.json").read_bytes()
    shutil.rmtree(out / "cells")
    with pytest.raises(UserError, match="holds results whose runs are not here"):
        run_study(path, out, seeds=1)
    assert (out / "results.json").read_bytes() == before
    assert len(runs()) == 2


def test_a_study_that_cannot_begin_leaves_nothing_behind(tmp_path, capsys) -> None:
    (tmp_path / "three.txt").write_text("a b\nc d\ne f\n")
    out = tmp_path / "new"
    arguments = ["study", "founding", "--quick", "--text", str(tmp_path / "three.txt"), "--out", str(out)]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("newllm: ")
    assert not out.exists()


TINY = """
from newllm.study import Arm, Study

SHAPE = ("model.hidden=16", "model.width=8", "model.context=12", "model.layers=1")
STUDY = Study(
    name="tiny", title="Tiny runs.", claims=(), seeds=1, sets=("bundled:sentences",),
    arms=(Arm("base", "As it is.", "founding-baseline", SHAPE, 3),
          Arm("broken", "Too much.", "founding-baseline", (*SHAPE, "optimizer.learning_rate=1e30"), 3, control="base")),
)
"""


@pytest.mark.slow
def test_the_cells_of_a_study_are_runs_and_a_damaged_one_is_run_again(tmp_path) -> None:
    (tmp_path / "tiny.py").write_text(TINY)
    out = tmp_path / "out"
    arguments = ["study", str(tmp_path / "tiny.py"), "--workers", "2", "--out", str(out), "--quiet"]
    assert main(arguments) == 0
    first = load_results(out / "results.json")
    assert [(row["arm"], row["epochs"], row["diverged"]) for row in first["rows"]] == [
        ("base", 3, None), ("broken", 1, 1),
    ]  # fmt: skip
    assert {path.name for path in (out / "cells").iterdir()} == {"base-seed0", "broken-seed0"}
    assert main(["doctor", str(out / "cells" / "broken-seed0"), "--quiet"]) == 1
    marks = {path: path.stat().st_mtime_ns for path in (out / "cells").glob("*/cell.json")}
    (out / "cells" / "base-seed0" / "trace.blocks").write_bytes(b"NLB1")
    assert main(arguments) == 0
    again = load_results(out / "results.json")
    assert again["rows"] == first["rows"]
    assert [path.parent.name for path, mark in marks.items() if path.stat().st_mtime_ns != mark] == ["base-seed0"]


@pytest.mark.slow
def test_a_cell_that_time_ended_goes_on_from_where_it_was(tmp_path) -> None:
    source = TINY.replace("SHAPE, 3),", "SHAPE, 1500),").replace(
        'arms=(Arm("base"', 'quick=("base",), arms=(Arm("base"'
    )
    (tmp_path / "tiny.py").write_text(source)
    path, out = str(tmp_path / "tiny.py"), tmp_path / "out"
    cell = out / "cells" / "base-seed0"

    def spent() -> float:
        begun = (cell / "summary.json").is_file() and '"step": 0' not in (cell / "summary.json").read_text()
        return 60.0 if begun else 0.0

    with pytest.raises(UserError, match=r"no run of '.*' was finished"):
        run_study(path, out, quick=True, seeds=1, time=TimeLimit(60, spent, began=0.0))
    step = RunDirectory(cell).last_step()
    assert step, "it was stopped, and has a snapshot"
    again = run_study(path, out, quick=True, seeds=1, time=TimeLimit(600))
    assert [row["epochs"] for row in again["rows"]] == [1500]
    losses = read_signal(cell / "trace.jsonl", "loss").step
    assert losses.tolist() == list(range(1, 3001))
