"""Which directory a study may write: with all cells there already, so that nothing is run."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.study import Arm, Study, plan, run_study
from newllm.study.grid import Watcher
from newllm.study.plan import load_study, with_texts
from newllm.study.store import Records
from newllm.training.configure import configure

SHAPE = ("model.hidden=16", "model.width=8", "model.context=12", "model.layers=1")
STUDY = Study(
    name="small", title="A small study.", sets=("bundled:sentences", "bundled:sentences-sea"), claims=(),
    arms=(
        Arm("base", "As it is.", "founding-baseline", SHAPE, 3),
        Arm("low", "Lower.", "founding-baseline", (*SHAPE, "optimizer.learning_rate=0.001"), 2, control="base"),
        Arm("other", "Other.", "founding-baseline", (*SHAPE, "optimizer.beta2=0.9"), 1),
    ),
    outcomes=lambda record, control: {"last": record["probe"]["loss"][-1], "has_control": control is not None},
    measure=lambda _: pytest.fail("all cells are there"), seeds=2, quick=("low",), quick_seeds=1,
)  # fmt: skip


class Seen(Watcher):
    def __init__(self) -> None:
        self.count: tuple[int, int] | None = None

    def planned(self, cells: Any, waiting: Any) -> None:
        self.count = len(cells), len(waiting)


def run(out: Path, study: Study = STUDY, *, fill: bool = True, **options: Any) -> dict[str, Any]:
    """Run a study whose cells have their records."""
    made = {"loss": [3.0, 2.0]}
    record = {"epoch": [0, 1], "train": made, "probe": made, "validation": made}
    if fill:
        number = options.get("seeds") or (study.quick_seeds if options.get("quick") else study.seeds)
        for cell in plan(study, out / "texts", number, study.quick if options.get("quick") else None):
            Records(out / "cells").finish(cell, json.dumps(record))
    return run_study("small", out, study=study, **options)


def test_the_plan_goes_seed_by_seed_and_brings_controls_along(tmp_path: Path) -> None:
    cells = plan(STUDY, tmp_path, 3)
    assert [(cell.arm, cell.seed, cell.data) for cell in cells] == [
        (arm, seed, STUDY.sets[seed % 2]) for seed in range(3) for arm in ("base", "low", "other")
    ]
    # The founding preset measures every two updates.
    every = cells[0].config.training.evaluate_every
    assert [cell.config.training.steps for cell in cells[:3]] == [3 * every, 2 * every, every]
    assert [cell.config.seed for cell in cells] == [cell.seed for cell in cells]
    numerics = cells[0].config.numerics
    assert (numerics.device, numerics.threads, numerics.precision, numerics.scan_backend) == ("cpu", 1, "fp32", "torch")
    assert [cell.arm for cell in plan(STUDY, tmp_path, 1, ["low"])] == ["base", "low"]
    assert [cell.arm for cell in plan(STUDY, tmp_path, 1, ["other"])] == ["other"]
    assert len({cell.key for cell in cells}) == 9
    assert {len(cell.key) for cell in cells} == {20}
    again = plan(dataclasses.replace(STUDY, title="Another."), tmp_path / "elsewhere", 3)
    assert [cell.key for cell in again] == [cell.key for cell in cells]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("training.evaluate_every=0", "arm 'base': training.evaluate_every is 0"),
        ("training.seconds=9", "arm 'base': training.seconds is 9: a study measures all arms after the same steps"),
    ],
)
def test_an_arm_must_say_when_it_measures_and_ends(setting: str, says: str, tmp_path: Path) -> None:
    arm = dataclasses.replace(STUDY.arms[0], settings=(*SHAPE, setting))
    with pytest.raises(UserError, match=says):
        plan(dataclasses.replace(STUDY, arms=(arm,)), tmp_path, 1)


def test_what_a_study_reads(tmp_path: Path) -> None:
    assert with_texts(STUDY, ["a.txt", "b.txt"]).sets == ("a.txt", "b.txt")
    with pytest.raises(UserError, match="--text - cannot be"):
        with_texts(STUDY, ["a.txt", "-"])
    for name, says in (("foundng", "'founding'"), (str(tmp_path / "no.py"), "no file"), ("x.txt", "x.txt")):
        with pytest.raises(UserError, match=says):
            load_study(name)


def test_a_directory_belongs_to_its_study_and_may_grow(tmp_path: Path) -> None:
    out, seen = tmp_path / "out", Seen()
    results = run(out, seeds=1, watcher=seen)
    assert seen.count == (3, 0)
    assert [(row["arm"], row["seed"], row["has_control"]) for row in results["rows"]] == [
        ("base", 0, False), ("low", 0, True), ("other", 0, False),
    ]  # fmt: skip
    keys = {f"{cell.arm}, seed {cell.seed}": cell.key for cell in plan(STUDY, tmp_path, 2)}
    first = {name: key for name, key in keys.items() if name.endswith("0")}
    kept = read_checked(out / "study.json")
    assert {name: kept[name] for name in ("schema", "study", "cells")} == {
        "schema": 1,
        "study": "small",
        "cells": first,
    }
    assert len(run(out)["rows"]) == 6
    assert read_checked(out / "study.json")["cells"] == keys
    assert {path.name for path in out.iterdir()} >= {"results.json", "claims.md", "claims.csv", "texts", "cells"}
    with pytest.raises(UserError, match="holds 6 runs, and not all of them are asked for now"):
        run(out, fill=False, seeds=1)


def test_the_quick_form_has_its_arms_and_seeds_alone(tmp_path: Path) -> None:
    assert [(row["arm"], row["seed"]) for row in run(tmp_path / "out", quick=True)["rows"]] == [("base", 0), ("low", 0)]
    assert len(run(tmp_path / "out", quick=True, seeds=2)["rows"]) == 4


def test_another_study_and_another_configuration_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, seeds=1)
    with pytest.raises(UserError, match="holds the study 'small', not 'large'"):
        run(out, dataclasses.replace(STUDY, name="large"), fill=False, seeds=1)
    changed = dataclasses.replace(STUDY.arms[0], epochs=4)
    with pytest.raises(UserError, match=r"another configuration of 'base, seed 0' \(and 0 more\)"):
        run(out, dataclasses.replace(STUDY, arms=(changed, *STUDY.arms[1:])), fill=False, seeds=1)
    (out / "study.json").write_text("{}")
    with pytest.raises(UserError, match=r"study\.json' is damaged"):
        run(out, fill=False, seeds=1)


@pytest.mark.parametrize("options", [{"workers": 0}, {"seeds": 0}, {"workers": -1}])
def test_a_number_below_one_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    ((name, value),) = options.items()
    with pytest.raises(UserError, match=f"--{name} {value}: it must be at least 1"):
        run(tmp_path / "out", fill=False, **options)
    assert not (tmp_path / "out").exists()


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(UserError, match="is not empty and holds no study"):
        run(tmp_path, fill=False, seeds=1)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_directory_of_an_earlier_form_is_refused_in_one_line(tmp_path: Path) -> None:
    run(tmp_path / "out", seeds=1)
    runs = dataclasses.replace(STUDY, measure=None)
    with pytest.raises(UserError, match="made by an earlier newllm, whose cells were no runs: choose another --out"):
        run(tmp_path / "out", runs, fill=False, seeds=1)


def test_the_cells_of_a_measure_of_ones_own_have_the_keys_that_they_always_had(tmp_path: Path) -> None:
    config = plan(STUDY, tmp_path, 1)[0].config
    of_the_preset = configure("founding-baseline", None, None, (), {})
    assert config.training.evaluate_tokens == of_the_preset.training.evaluate_tokens
    assert plan(dataclasses.replace(STUDY, measure=None), tmp_path, 1)[0].config.training.evaluate_tokens == 0
