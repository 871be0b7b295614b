"""From the records of some cells to results: what is counted, what is left out, and the curves."""

import json
from pathlib import Path
from typing import Any

import pytest

from newllm.errors import UserError
from newllm.files import write_json
from newllm.messages import message
from newllm.study import Arm, Claim, Decision, Study
from newllm.study.design import Cell
from newllm.study.grid import Tally
from newllm.study.results import analyse, load_results, own_code
from newllm.study.store import Records
from newllm.training.config import RunConfig

DEATH = message("study-worker_died", code=9, run="low, seed 0")
ARMS = (
    Arm("base", "As it is.", "founding-baseline", ("a=1",), 2, "x"),
    Arm("low", "Lower.", "founding-baseline", epochs=3, control="base"),
    Arm("never", "Not run.", "founding-baseline"),
)


def cell(arm: str, seed: int) -> Cell:
    return Cell(arm, seed, f"set {seed % 2}", RunConfig(), f"key{seed}")


def record(*loss: float | None) -> dict[str, Any]:
    series = {"loss": list(loss)}
    return {"epoch": list(range(len(loss))), "seconds": 0.26, "train": series, "probe": series, "validation": series}


def outcomes(mine: dict[str, Any], control: dict[str, Any] | None) -> dict[str, Any]:
    last = mine["probe"]["loss"][-1]
    return {"last": last, "gain": None if control is None else control["probe"]["loss"][-1] - last}


def analysed(folder: Path, given: dict[tuple[str, int], dict[str, Any]]) -> dict[str, Any]:
    records, cells = Records(folder / "cells"), [cell(arm.name, seed) for seed in range(3) for arm in ARMS]
    for (arm, seed), made in given.items():
        records.finish(cell(arm, seed), json.dumps(made))
    claim = Claim("1", "Lower.", "Gain.", ("low",), lambda rows: Decision("holds", {"n": len(rows["low"])}), needs=1)
    study = Study("s", "A study.", ARMS, ("set 0", "set 1"), (claim,), outcomes=outcomes)
    return analyse(study, cells, records, Tally(1, {"never, seed 0": "no"}, [DEATH], ["never, seed 1"]))


def test_results_are_of_the_cells_that_have_a_record(tmp_path: Path) -> None:
    found = analysed(tmp_path, {
        ("base", 0): record(3.0, 2.0), ("low", 0): record(3.0, 1.123456789),
        ("base", 1): record(4.0, 3.0), ("low", 2): record(9.0),  # its control has none
    })  # fmt: skip
    common = {"arm": "base", "data": "set 0", "key": "key0", "seed": 0, "gain": None}
    assert found["rows"] == [
        {**common, "last": 2.0},
        {**common, "arm": "low", "last": 1.1235, "gain": 0.87654},
        {**common, "data": "set 1", "key": "key1", "seed": 1, "last": 3.0},
    ]
    assert (found["schema"], found["study"], found["title"]) == (1, "s", "A study.")
    assert (found["seeds"], found["sets"], found["core_seconds"]) == (2, ["set 0", "set 1"], 1.0)
    assert (found["failed"], found["worker_deaths"]) == ({"never, seed 0": "no"}, [str(DEATH)])
    assert found["worker_death_messages"] == [DEATH.as_dict()]
    assert found["translations"] == {}
    assert found["waiting"] == ["never, seed 1"]
    assert found["arms"] == [
        {"name": "base", "claim": "As it is.", "preset": "founding-baseline", "settings": ["a=1"], "epochs": 2,
         "variant": "x", "control": ""},
        {"name": "low", "claim": "Lower.", "preset": "founding-baseline", "settings": [], "epochs": 3, "variant": "",
         "control": "base"},
    ]  # fmt: skip
    assert found["claims"][0]["numbers"] == {"n": 1}
    assert found["curves"].keys() == {"base", "low"}


def test_curves_are_quartiles_over_the_cells_that_are_known_there(tmp_path: Path) -> None:
    found = analysed(tmp_path, {
        ("base", 0): record(1.0, 2.0, None), ("base", 1): record(2.0, 4.0, None), ("base", 2): record(3.0, None),
    })  # fmt: skip
    quartiles = [[1.5, 2.5, None], [2.0, 3.0, None], [2.5, 3.5, None]]
    assert found["curves"]["base"] == {
        "epoch": [0, 1, 2], "train_loss": quartiles, "probe_loss": quartiles, "validation_loss": quartiles,
    }  # fmt: skip


def test_results_of_another_schema_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "results.json"
    with pytest.raises(UserError, match="cannot read"):
        load_results(place)
    write_json(place, {"schema": 2})
    with pytest.raises(UserError, match="is not results of schema 1"):
        load_results(place)
    write_json(place, {"schema": 1})
    assert load_results(place)["schema"] == 1


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    records, one = Records(tmp_path / "cells"), cell("base", 7)
    records.finish(one, '{"epoch": [0]}')
    (path,) = (tmp_path / "cells").iterdir()
    assert path.name == "base-seed7-key7.json"
    assert records.get(one) is not None
    path.write_text(path.read_text().replace("[0]", "[1]"))
    assert records.get(one) is None


def test_a_mistake_in_a_function_of_somebodys_study_is_one_line_that_names_its_place(tmp_path: Path) -> None:
    def mistaken(mine: dict[str, Any], control: dict[str, Any] | None) -> dict[str, Any]:
        return {"last": mine["prob"]["loss"], "gain": control}

    records = Records(tmp_path / "cells")
    records.finish(cell("low", 0), json.dumps(record(1.0)))
    arms = (Arm("low", "Lower.", "founding-baseline"),)
    study = Study("mine", "A study.", arms, ("set 0",), (), outcomes=mistaken)
    with pytest.raises(
        UserError, match=r"outcomes\(\) of the study 'mine' fails in line \d+ of 'test_results.py' "
    ) as got:
        analyse(study, [cell("low", 0)], records, Tally(1))
    assert "(KeyError: 'prob'): mend it; the runs that are done are kept" in str(got.value)
    with pytest.raises(UserError, match=r"write\(\) .* \(ZeroDivisionError: "), own_code(study, "write"):
        _ = 1 / 0
    with pytest.raises(OSError, match=r"^full$"), own_code(study, "write"):  # a disk's mistakes are no study's
        raise OSError("full")


@pytest.mark.parametrize("error", [NameError("Nona"), ZeroDivisionError("by zero"), IndexError("none")])
def test_hours_of_runs_are_not_lost_to_one_claims_mistake(tmp_path: Path, error: Exception) -> None:
    def decide(rows: object) -> Decision:  # noqa: ARG001 (the form of a claim's)
        raise error

    records = Records(tmp_path / "cells")
    records.finish(cell("low", 0), json.dumps(record(1.0)))
    claim = Claim("1", "Lower.", "Gain.", ("low",), decide, needs=1)
    arms = (Arm("low", "Lower.", "founding-baseline"),)
    study = Study("mine", "A study.", arms, ("set 0",), (claim,), outcomes=outcomes)
    (told,) = analyse(study, [cell("low", 0)], records, Tally(1))["claims"]
    assert (told["verdict"], told["numbers"]) == ("undecided", {"error": f"{type(error).__name__}: {error}"})
