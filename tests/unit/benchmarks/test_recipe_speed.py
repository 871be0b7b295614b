"""The costs by which the study of the recipe makes time equal are those that were measured."""

import json
from pathlib import Path

import pytest
from studies.recipe.arms import COMPARED, COSTS, DEFAULTS

from recipe_speed import CONTROL, WARM_UP, summed_up

RESULTS = Path(__file__).parents[3] / "benchmarks/results"
SAME = {"ngrams-decay": "ngrams"}  # the optimizer multiplies every row by its decay either way
MEASURED = {"pairs": "recipe-speed-zen5.json"}  # an arm that is newer than the others' measurement


def test_rounds_are_compared_with_the_same_round_of_the_defaults_once_they_are_warm() -> None:
    cold = [900.0] * WARM_UP
    found = summed_up({CONTROL: [*cold, 100.0, 200.0, 400.0], "muon": [*cold, 150.0, 220.0, 480.0]})
    assert found == {"milliseconds": {CONTROL: 200.0, "muon": 220.0}, "ratio": {CONTROL: 1.0, "muon": 1.2}}


def test_a_cost_of_the_study_is_within_3_percent_of_the_measured_one() -> None:
    for change in COMPARED[DEFAULTS]:
        result = RESULTS / MEASURED.get(change, "recipe-speed.json")
        measured = json.loads(result.read_text())["cost"]["processor time"]["ratio"]
        assert COSTS.get(change, 1.0) == pytest.approx(measured[SAME.get(change, change)], rel=0.03), change
