"""What every change says of itself: where it must show, what it takes, and where it has to begin."""

import math
import sys

import pytest

from newllm.errors import UserError
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.interventions.model.layers import fastest

AIMS = {
    ("update_ratio", -1): [
        "half-learning-rate",
        "tenth-learning-rate",
        "warm-up",
        "hold-learning-rate",
        "epsilon",
        "update-clipping",
        "freeze-embedding",
        "freeze-layer",
    ],
    ("second_moment_mismatch", 0): ["beta2", "reset-moments"],
    ("update_ratio", 0): ["adamw", "stable-adamw", "sgd"],
    ("gradient_norm_clipped", -1): ["clip-half", "clip-tenth", "z-clip", "adagc", "cut-gradient-through-time"],
    ("batches", 0): ["skip-batches", "replace-batches", "reorder-batches", "other-order", "word-dropout"],
    ("validation", -1): ["known-evaluation"],
    ("numerics", 0): ["fp32", "fp64", "deterministic-kernels"],
    ("context_norm", 0): ["context-cut-off", "norm-on-write"],
    ("activation_rms", 0): ["norm-on-read", "residual-fnn", "qk-norm", "initialisation-scaled", "embedding-scale"],
    ("context_norm", -1): ["bounded-decay", "gate", "ema"],
    ("dropout", -1): ["dropout-off"],
    ("state", 0): [
        "restore-moments",
        "restore-weights",
        "hold-own-rate",
        "hold-weight-decay",
        "hold-momentum",
        "hold-dropout",
    ],
    ("activation_rms", -1): ["z-loss", "depth-scaled-residuals", "smaller-initialisation"],
    ("activation_rms", 1): ["initialisation-he"],
}
"""By signal and direction: -1 where it must fall, 1 rise, 0 change."""
SLOWNESS = {
    1.2: ["update-clipping", "clip-half", "z-clip"],
    1.3: ["reset-moments", "word-dropout"],
    1.5: [
        "warm-up",
        "hold-learning-rate",
        "clip-tenth",
        "adagc",
        "norm-on-read",
        "bounded-decay",
        "gate",
        "ema",
        "cut-gradient-through-time",
        "freeze-embedding",
        "freeze-layer",
    ],
    2.0: ["half-learning-rate", "adamw", "stable-adamw", "context-cut-off", "norm-on-write"],
    3.0: ["epsilon"],
    4.0: ["sgd"],
    10.0: ["tenth-learning-rate"],
}
"""How many times the null's steps they may need; all others as many."""
FROM_START = {
    "context-cut-off",
    "norm-on-write",
    "norm-on-read",
    "bounded-decay",
    "gate",
    "ema",
    "residual-fnn",
    "qk-norm",
    "initialisation-he",
    "initialisation-scaled",
    "depth-scaled-residuals",
    "smaller-initialisation",
    "embedding-scale",
}
"""These change the function, so that a trained state is none of theirs."""


def test_which_signal_each_must_move_and_which_way() -> None:
    expected = {name: aim for aim, names in AIMS.items() for name in names}
    assert {name: (one.aims_at, one.direction) for name, one in INTERVENTIONS.items()} == expected


def test_how_slow_each_may_be_and_where_it_begins() -> None:
    expected = dict.fromkeys(INTERVENTIONS, 1.0) | {name: slow for slow, names in SLOWNESS.items() for name in names}
    assert {name: one.slowness for name, one in INTERVENTIONS.items()} == expected
    assert {name for name, one in INTERVENTIONS.items() if one.from_start} == FROM_START


def test_an_intervention_can_be_kept_in_a_set() -> None:
    assert len(set(INTERVENTIONS.values())) == len(INTERVENTIONS)


def norms(**layers: list[float]) -> list[dict[str, float]]:
    return [dict(zip(layers, values, strict=True)) for values in zip(*layers.values(), strict=True)]


@pytest.mark.parametrize(
    ("measured", "fastest_one"),
    [
        # The median of the last three by that of the first three: one jump at an end counts for nothing.
        (norms(a=[1, 1, 9, 5, 5, 5, 2, 2, 2], b=[1, 1, 1, 1, 1, 1, 1.5, 1.5, 1.5]), "a"),
        (norms(a=[1, 1, 1, 5, 5, 5, 1, 1, 9], b=[1, 1, 1, 1, 1, 1, 1.5, 1.5, 1.5]), "b"),
        (norms(a=[1, 1, 2, 2], b=[2, 1, 4, 4]), "b"),  # of four the first two and the last two
        (norms(a=[0, 0, 9, 9], b=[2, 2, 1, 1]), "b"),  # nothing at the start: no growth that has a size
        (norms(a=[1, 1, math.nan, 9], b=[2, 2, 1, 1]), "b"),
        (norms(a=[1, 3], b=[1, 2]), "a"),
    ],
)
def test_the_layer_whose_gradient_grew_most(measured: list[dict[str, float]], fastest_one: str) -> None:
    assert fastest(measured) == fastest_one


def test_without_a_gradient_at_the_start_there_is_no_layer_to_freeze() -> None:
    with pytest.raises(UserError, match="no layer had a gradient at the start"):
        fastest(norms(a=[0.0, 1.0], b=[0.0, 2.0]))


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_an_intervention_stands_in_the_folder_or_file_of_its_kind(name: str) -> None:
    change, package = INTERVENTIONS[name], "newllm.replays.interventions"
    folder = "initialisation" if change.kind == "start" else change.kind
    modules = [path for path in sys.modules if path.startswith(f"{package}.")]
    places = [path for path in modules if any(one is change for one in vars(sys.modules[path]).values())]
    assert places
    assert all(path.startswith(f"{package}.{folder}") for path in places)
