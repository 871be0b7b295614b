"""Single points worse than guessing where ratios are wild, and in the first updates; the noise of either is none."""

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.outliers import outlier_points, overshot
from newllm.trace import Finding, Series, Trace


def confident(seed: int = 0, points: int = 200) -> np.ndarray:
    """Make the loss of a classifier that comes near nothing, where one batch is ten times another."""
    chance = np.random.default_rng(seed)
    return 0.05 * np.exp(0.7 * chance.normal(size=points)) + 1.8 * np.exp(-np.arange(points) / 15)


def beginner(points: int = 200) -> np.ndarray:
    """Make the loss of a model that takes most of the run to learn."""
    return 1.8 * np.exp(-np.arange(points) / 80 + 0.08 * np.random.default_rng(1).normal(size=points))


def warnings(loss: np.ndarray, facts: Facts = Facts()) -> dict[str, Finding]:  # noqa: B008 - frozen
    trace = Trace({"loss": Series(np.arange(1, len(loss) + 1), loss)})
    return {one.kind: one for one in diagnose(trace, facts) if one.severity != "note"}


@pytest.mark.parametrize(
    ("facts", "kind"), [(Facts(), "worse-than-untrained"), (Facts(vocabulary=6), "worse-than-uniform")]
)
def test_a_batch_worse_than_guessing_shows_in_a_run_near_nothing(facts: Facts, kind: str) -> None:
    loss = confident()
    loss[120] = 2.9
    found = warnings(loss, facts)[kind]
    assert (found.first_step, found.last_step) == (121, 121)


def test_a_run_that_throws_such_batches_again_and_again_raises_no_alarm_over_one() -> None:
    loss = confident()
    loss[60::30] = [2.9, 2.0, 2.4, 1.7, 2.2]
    assert warnings(loss) == {}


def test_noise_near_nothing_is_none() -> None:
    assert [seed for seed in range(40) if warnings(confident(seed))] == []


@pytest.mark.parametrize("at", [1, 2])
def test_an_overshoot_of_the_first_updates_is_found(at: int) -> None:
    loss = beginner()
    loss[at] = 6.8
    found = warnings(loss)["worse-than-untrained"]
    assert found.first_step == at + 1
    assert found.candidate_causes[0] != "corrupted-batch"


@pytest.mark.parametrize("factor", [1.1, 1.3])
def test_a_small_overshoot_of_the_first_updates_is_usual(factor: float) -> None:
    loss = beginner()
    loss[1] = factor * loss[0]
    assert warnings(loss) == {}


@pytest.mark.parametrize(
    ("facts", "reference", "inferred"),
    [(Facts(vocabulary=6), np.log(6), False), (Facts(untrained_loss=1.75), 1.75, False), (Facts(), None, True)],
)
def test_what_the_first_value_only_suggests_is_said_to_be(
    facts: Facts, reference: float | None, inferred: bool
) -> None:
    loss = beginner()
    loss[120:] = 6.8
    (found,) = (one for kind, one in warnings(loss, facts).items() if kind.startswith("worse-than"))
    assert found.evidence["inferred"] is inferred
    assert ("inferred from the first value" in str(found.sentence)) is inferred
    assert any("trained model" in str(other) for other in found.alternatives) is inferred
    assert found.evidence["worst"] == 6.8
    assert found.evidence["points"] == 80
    if reference is not None:
        assert found.evidence["reference"] == pytest.approx(reference)


def calm(points: int = 200, /, **bumps: float) -> np.ndarray:
    """Return a level of 1 with small bumps at every thirteenth point, and others by their place ("p100")."""
    value = np.ones(points)
    value[6::13] = 1.02
    for place, height in bumps.items():
        value[int(place[1:])] = 1 + height
    return value


def lone(value: np.ndarray, limit: float = 2.0) -> list[int]:
    return np.flatnonzero(outlier_points(value, np.full(len(value), limit))).tolist()


def test_a_lone_point_is_three_times_as_high_as_any_other_near() -> None:
    assert [lone(calm(p100=height, p120=0.5)) for height in (1.5, 1.52)] == [[], [100]]
    assert [lone(calm(p100=1.4, **{f"p{at}": 0.5})) for at in (164, 165, 36, 35)] == [[], [100], [], [100]]
    assert lone(calm(p100=0.9)) == []  # below the limit
    five = {f"p{at}": 2.0 for at in (20, 60, 100, 140, 180)}
    assert lone(calm(**five)) == [20, 60, 100, 140, 180]
    assert lone(calm(**five, p190=2.0)) == []
    assert [lone(calm(points, p20=2.0)) for points in (40, 41)] == [[], [20]]  # forty others


def test_a_lone_point_is_one_that_the_noise_near_would_throw_in_one_of_a_million_runs() -> None:
    noise = np.random.default_rng(0).permutation(-np.log(1 - (np.arange(200) + 0.5) / 200))

    def found(height: float) -> list[int]:
        value = 1 + 0.02 * noise
        value[100] = 1 + height
        return lone(value, 1.2)

    assert [found(height) for height in (0.795, 0.815)] == [[], [100]]


def first(value: np.ndarray, limit: float = 1.5, start: float = 1.0) -> list[bool]:
    return overshot(value, limit, start).tolist()


def test_an_overshoot_is_told_of_the_first_five_of_forty_five_points() -> None:
    assert first(calm(45, p3=1.0)) == [False, False, False, True, False]
    assert first(calm(44, p3=1.0)) == [False] * 5
    assert first(calm(3, p2=1.0)) == [False] * 3
    assert first(calm(200, p4=1.0, p0=1.0)) == [True, False, False, False, True]
    assert [first(calm(200, p3=height))[3] for height in (0.5, 0.51)] == [False, True]
    assert [first(calm(200, p3=height, p40=0.5))[3] for height in (1.5, 1.52)] == [False, True]
    assert [first(calm(200, p3=1.4, **{f"p{at}": 0.5}))[3] for at in (68, 69)] == [False, True]
