"""A study's directory is read as far as it is sound."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from newllm.checksum import sealed
from newllm.errors import UserError
from newllm.report.source.study import is_study, read_study
from newllm.statistics.plain_data import interval_in, number_of

FOUNDING = Path(__file__).parents[3] / "studies" / "founding"


def written(folder: Path, results: Any, **files: str) -> Path:
    (folder / "results.json").write_text(json.dumps(results))
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text)
    return folder


def test_the_founding_study_is_read_whole():
    study = read_study(FOUNDING)
    assert (study.name, len(study.arms), len(study.claims), len(study.rows)) == ("founding", 41, 14, 410)
    assert set(study.curves) == {arm["name"] for arm in study.arms}
    assert study.replay is not None
    assert study.replay.cause is not None
    assert study.problems == ()
    assert [row["seed"] for row in study.rows_of("baseline")] == list(range(10))


def test_what_is_a_study(tmp_path: Path):
    assert is_study(FOUNDING)
    assert not is_study(tmp_path)
    assert not is_study(tmp_path / "nothing")
    assert not is_study(FOUNDING / "results.json")
    assert is_study(written(tmp_path, {}))


def test_a_study_that_is_not_done_is_one(tmp_path: Path):
    (tmp_path / "study.json").write_text('{"schema": 1, "study": "x", "cells": {}}')
    assert is_study(tmp_path)
    with pytest.raises(UserError, match="go on with newllm study"):
        read_study(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
def test_a_study_json_of_something_else_is_none(tmp_path: Path, text: str):
    (tmp_path / "study.json").write_text(text)
    assert not is_study(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", "[" * 100_000])
def test_damaged_results_are_refused_in_one_line(tmp_path: Path, text: str):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(UserError, match=r"results.json' is damaged.*run newllm study again") as error:
        read_study(tmp_path)
    assert "\n" not in str(error.value)


def test_damaged_parts_are_left_out_and_told(tmp_path: Path):
    arms = [{"name": "a"}, {"name": None}, 3, {"claim": "no name"}]
    study = read_study(written(tmp_path, {"arms": arms, "claims": {}, "rows": [{"arm": "a", "seed": 0}]}, replay="{}"))
    assert [arm["name"] for arm in study.arms] == ["a"]
    assert study.claims == ()
    assert len(study.rows) == 1
    assert study.replay is None
    assert len(study.problems) == 3
    assert "3 of 4 arms" in str(study.problems[0])
    assert "no list of claims" in str(study.problems[1])
    assert "replay.json" in str(study.problems[2])
    assert study.name == tmp_path.name


def test_what_is_an_interval():
    assert interval_in([0.5, 0.25, 0.75]) == (0.5, 0.25, 0.75)
    assert interval_in([1.0, None, None]) == (1.0, None, None)
    assert interval_in([1, 2, 3]) is None  # counts
    assert interval_in([0.5, 0.25]) is None
    assert interval_in("abc") is None
    assert interval_in([None, 0.1, 0.2]) is None


@pytest.mark.parametrize("value", [True, None, "1", math.nan, math.inf, 10**400, [1]])
def test_what_is_no_number(value: Any):
    assert number_of(value) is None


def test_a_damaged_file_of_printed_figures_takes_nothing_with_it(tmp_path: Path):
    results = {"study": "x", "arms": [], "claims": [], "rows": []}
    assert read_study(written(tmp_path, results, printed='{"en": {"title": "y"}}')).printed == {"en": {"title": "y"}}
    study = read_study(written(tmp_path, results, printed="[1]"))
    assert study.printed == {}
    assert list(map(str, study.problems)) == ["'printed.json' is damaged (ValueError): it is left out"]
    changed = sealed({"en": {"title": "59 of 66"}}).decode().replace("59", "61")
    assert read_study(written(tmp_path, results, printed=changed)).problems == study.problems
