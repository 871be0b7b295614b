"""What is said of the unmodified replay, the ground of all else."""

from typing import Any

import pytest

from newllm.messages import catalogue
from newllm.trace import Verdict
from newllm.words.replays import reproduction, suspects


def test_a_suspect_that_dampens_any_spike_says_so() -> None:
    entry = {"name": "learning-rate", "intervention": "half-learning-rate", "class": "removes", "stage": "screened"}
    (_, plain), (_, little), (_, much) = suspects(
        catalogue("en"), [entry, {**entry, "dampening": 0.1}, {**entry, "dampening": 0.94}]
    )
    assert plain == little
    assert much == f"{plain}; takes 94% off a control spike too"


def verdict(**about: Any) -> Verdict:
    return Verdict(
        run="run", spike={}, reproduction=about, nulls={}, interventions=(), not_tried={}, cause=None, suspects=(),
        missing=(), sentences=("", "", ""), seconds=1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"identical": True, "compared": 100, "weights": True}, "identical to the bit over 100 steps, weights too"),
        (
            {"identical": True, "compared": 1},
            "identical to the bit over 1 step, losses alone: no later",
        ),
        ({"identical": True, "weights": True}, "identical to the bit, weights too"),
        ({"identical": True, "tolerance": 0.001, "weights": True}, "the same within 0.001, weights too"),
        ({}, "there was nothing to compare it with"),
        ({"identical": None, "compared": 3}, "there was nothing to compare it with"),
        ({"identical": False, "compared": 3}, "differs from the run: "),
    ],
)
def test_what_the_unmodified_replay_gave(about: dict[str, Any], said: str) -> None:
    assert reproduction(catalogue("en"), verdict(**about)).startswith(said)
