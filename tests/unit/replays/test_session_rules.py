"""What a session decides by its replays' numbers: whether a signal moved, and what is worth a second look."""

import math
from typing import Any

import pytest

from newllm.replays.assessment.assessment import Assessment
from newllm.replays.assessment.effect import Pair
from newllm.replays.assessment.manipulation import Moved, manipulation
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.session.candidates import Candidate
from newllm.replays.session.results import Trial
from newllm.replays.session.session import best_of, is_futile, is_worth_a_look
from newllm.replays.session.starts import Start
from newllm.replays.subjects.severity import Severity

LATE = Start(8, 16, 20, 24)


def judged(above: float, *, onset: int | None = 12, reached: int | None = 20, **of_trajectory: Any) -> Assessment:
    made = Trajectory(8, probe_steps=[8, 10, 12, 14], probe=[1.0] * 4, reached=reached, **of_trajectory)
    return Assessment(made, {"loss": Severity(0.5 + above, 0.0, onset if above > 0 else None, 0.5)}, "loss")


def about(value: float) -> Any:
    return pytest.approx(value)


def measured(*ratios: float, onset: int | None = 12) -> list[Pair]:
    """Pairs whose clipped gradient is so many times their null's up to step 12; what comes later does not count."""
    return [
        Pair(
            judged(1.0 if onset else 0.0, signals={"gradient_norm_clipped": [None, 2.0, 2.0, 50.0]}),
            judged(0.0, signals={"gradient_norm_clipped": [None, 2 * one, 2 * one, 2 * one]}),
        )
        for one in ratios
    ]


CLIP, BETA2 = INTERVENTIONS["clip-half"], INTERVENTIONS["beta2"]


@pytest.mark.parametrize(
    ("ratios", "ratio", "moved"),
    [
        ([0.5] * 4, 0.5, True),
        ([0.95] * 4, 0.95, True),  # a twentieth, on the log scale
        ([0.96] * 4, 0.96, False),
        ([2.0] * 4, 2.0, False),  # the wrong way
        ([0.1, 10.0, 0.1, 1.0], 0.1 ** (1 / 4), False),  # both ways
        ([0.5], 0.5, True),  # one pair has no interval
    ],
)
def test_a_signal_has_moved_the_right_way_by_a_twentieth_and_surely(
    ratios: list[float], ratio: float, *, moved: bool
) -> None:
    found = manipulation(CLIP, measured(*ratios))
    assert found == Moved("gradient_norm_clipped", about(ratio), moved, about(abs(math.log(ratio))))


def test_without_a_spike_of_the_null_all_of_the_signal_counts() -> None:
    assert manipulation(CLIP, measured(1.0, onset=None)).ratio == pytest.approx(2 / math.sqrt((4 + 4 + 2500) / 3))


def test_what_may_go_either_way_and_what_nobody_measured() -> None:
    pairs = [
        Pair(
            judged(1.0, signals={"second_moment_mismatch": [2.0]}),
            judged(0.0, signals={"second_moment_mismatch": [3.0]}),
        )
    ]
    assert manipulation(BETA2, pairs) == Moved("second_moment_mismatch", about(1.5), True, about(math.log(1.5)))
    assert manipulation(CLIP, pairs) == Moved("gradient_norm_clipped", None, False, 0.0)
    for name, aim in (("fp64", "numerics"), ("known-evaluation", "validation"), ("dropout-off", "dropout")):
        assert manipulation(INTERVENTIONS[name], pairs) == Moved(aim, None, True, 0.0)


@pytest.mark.parametrize(
    ("null", "changed", "moved", "share"),
    [([1, 2, 3, 4], [1, 9, 3, 8, 5], True, 0.5), ([1, 2], [1, 2, 3], False, 0.0), ([], [1], False, 0.0)],
)
def test_batches_have_moved_by_the_share_that_is_not_the_same(
    null: list[int], changed: list[int], share: float, *, moved: bool
) -> None:
    pairs = [Pair(judged(1.0, batches=null), judged(0.0, batches=changed))]
    assert manipulation(INTERVENTIONS["skip-batches"], pairs) == Moved("batches", None, moved, share)


def shown(name: str, *left: float, stopped: int = 0) -> Trial:
    """A candidate whose replays left so much of a null's severity of 1."""
    pairs = tuple(Pair(judged(1.0), judged(one, reached=None if at < stopped else 20)) for at, one in enumerate(left))
    return Trial(Candidate(name, (CLIP,), LATE), pairs, False, 1.0)


def test_the_three_that_left_the_least_are_worth_confirming_each_a_quarter_at_least() -> None:
    screened = [
        shown("a quarter", 0.75, 0.75),
        shown("less", 0.7501, 0.7501),
        shown("worse", 2.0, 2.0),
        shown("nearly all", 0.04, 0.04),  # to a tenth as good as all: the order decides
        shown("all", 0.0, 0.0),
        shown("stopped", 0.0, 0.0, 0.0, stopped=2),
    ]
    assert [one.name for one in best_of(screened, by_share=False)] == ["nearly all", "all", "a quarter"]
    assert [one.name for one in best_of([*screened, shown("half", 0.5, 0.5)], by_share=False)] == [
        "nearly all",
        "all",
        "half",
    ]
    assert [one.name for one in best_of([shown("one of two", 0.0, 0.0, stopped=1)], by_share=False)] == ["one of two"]


def test_where_the_seed_decides_it_counts_whether_they_spike_at_all() -> None:
    assert best_of([shown("smaller", 0.1, 0.1)], by_share=True) == []
    assert [one.name for one in best_of([shown("one of two", 0.1, 0.0)], by_share=True)] == ["one of two"]


@pytest.mark.parametrize(
    ("left", "reached", "futile"),
    [
        ((0.85,), 20, True),
        ((0.75,), 20, False),
        ((0.85, 0.75), 20, False),
        ((0.0, 0.0), None, True),  # it no longer learns
        ((0.0,), 20, False),
        ((), 20, False),
    ],
)
def test_what_leaves_four_fifths_of_the_spike_in_all_replays_is_not_replayed_again(
    left: tuple[float, ...], reached: int | None, *, futile: bool
) -> None:
    pairs = [Pair(judged(1.0), judged(one, reached=reached)) for one in left]
    assert is_futile(pairs) is futile


def trial(name: str, left: float) -> Trial:
    change = INTERVENTIONS[name]
    return Trial(Candidate(name, (change,), LATE), (Pair(judged(1.0), judged(left)),), confirmed=False, seconds=1.0)


def test_the_first_look_comes_when_two_other_mechanisms_left_what_one_removed() -> None:
    removing = trial("hold-learning-rate", 0.0)
    others = [trial("replace-batches", 1.0), trial("skip-batches", 1.0), trial("half-learning-rate", 1.0)]
    assert not is_worth_a_look([removing, *others], by_share=False), "of the batches alone, and of the rate itself"
    assert is_worth_a_look([removing, *others, trial("beta2", 0.9)], by_share=False)
    assert not is_worth_a_look([*others, trial("beta2", 0.9)], by_share=False), "nothing removed it"


def test_of_two_alike_what_restores_is_confirmed_first() -> None:
    screened = [trial(name, 0.0) for name in ("clip-tenth", "half-learning-rate", "replace-batches")]
    assert [one.name for one in best_of(screened, by_share=False)] == [
        "replace-batches",
        "clip-tenth",
        "half-learning-rate",
    ]
