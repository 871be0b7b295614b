import math
from typing import Any

import pytest

from newllm.replays.assessment.assessment import Assessment
from newllm.replays.assessment.effect import Pair, depends_on_seed, effect_of
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.subjects.severity import Severity

LIMIT = 0.1


def judged(
    peak: float,
    onset: int | None,
    *,
    reached: int | None = 20,
    start: int = 10,
    limit: float = LIMIT,
    **others: Severity,
) -> Assessment:
    made = Trajectory(start, steps=[start + 1], loss=[1.0], probe_steps=[start], probe=[1.0], reached=reached)
    own = Severity(peak, 0.0, onset, limit)
    return Assessment(made, {"loss": own, **others}, "loss")


def pairs(nulls: list[Assessment], changed: list[Assessment]) -> list[Pair]:
    return [Pair(null, change) for null, change in zip(nulls, changed, strict=True)]


def spiking(*peaks: float, onset: int = 18) -> list[Assessment]:
    return [judged(peak, onset, reached=None) for peak in peaks]


def calm(*peaks: float, reached: int | None = 20) -> list[Assessment]:
    return [judged(peak, None, reached=reached) for peak in peaks]


NULLS = spiking(1.0, 1.2, 0.9, 1.1, 1.0, 1.05, 0.95, 1.0)


@pytest.mark.parametrize(
    ("spiked", "n", "depends"), [(4, 4, False), (3, 4, True), (4, 5, False), (2, 2, False), (1, 2, True), (0, 0, False)]
)
def test_a_spike_depends_on_the_seed_if_fewer_than_four_in_five_replays_with_other_chance_spike(
    spiked: int, n: int, depends: bool
):
    assert depends_on_seed([*spiking(*[1.0] * spiked), *calm(*[0.0] * (n - spiked))]) is depends


def test_no_spike_and_an_upper_bound_among_healthy_runs_removes():
    found = effect_of(pairs(NULLS, calm(*[0.02, 0.03, 0.01, 0.02, 0.04, 0.02, 0.03, 0.02])), by_share=False)
    assert (found.effect_class, found.spiked) == ("removes", 0)
    assert found.effect == pytest.approx(1.0)
    assert found.p == 1 / 2**8  # every sign pattern but the observed one is less extreme


def test_one_spike_in_eight_removes_nothing():
    changed = [*calm(*[0.02] * 7), *spiking(0.8)]
    assert effect_of(pairs(NULLS, changed), by_share=False).effect_class == "reduces"


def test_no_spike_but_an_upper_bound_above_the_healthy_limit_does_not_remove():
    changed = calm(*[0.0999] * 7, 0.0)
    assert effect_of(pairs(NULLS, changed), by_share=False).effect_class != "removes"


def test_a_change_that_never_comes_as_far_has_stopped_learning():
    found = effect_of(pairs(NULLS, calm(*[0.0] * 8, reached=None)), by_share=False)
    assert found.effect_class == "stops learning"


def test_the_same_spike_later_is_delayed():
    later = [judged(peak, 26 + at % 2, reached=40) for at, peak in enumerate([1.0, 1.1, 1.0, 0.9, 1.0, 1.1, 0.9, 1.0])]
    found = effect_of(pairs(NULLS, later), by_share=False)
    assert found.effect_class == "delays"
    assert found.later == pytest.approx(math.sqrt(16 / 8 * 17 / 8))


def test_a_worse_spike_worsens():
    assert effect_of(pairs(NULLS, spiking(*[3.0, 2.9, 3.1] * 2, 3.0, 3.0)), by_share=False).effect_class == "worsens"


def test_the_same_spike_is_no_effect():
    same = spiking(1.01, 1.19, 0.92, 1.09, 1.02, 1.03, 0.96, 0.99)
    assert effect_of(pairs(NULLS, same), by_share=False).effect_class == "no effect"


def test_what_swings_both_ways_is_undecided_and_not_called_no_effect():
    swinging = spiking(0.2, 2.4, 0.3, 2.0, 0.15, 1.9, 0.4, 0.9)
    assert effect_of(pairs(NULLS, swinging), by_share=False).effect_class == "undecided"


def test_a_spike_left_on_the_validation_loss_is_not_removed():
    there, gone = Severity(1.0, 0.0, 18, LIMIT), Severity(0.0, 0.0, None, LIMIT)
    nulls = [judged(1.0, 18, reached=None, validation=there) for _ in range(8)]
    left = [judged(0.0, None, validation=there) for _ in range(8)]
    clean = [judged(0.0, None, validation=gone) for _ in range(8)]
    assert effect_of(pairs(nulls, left), by_share=False).effect_class == "reduces"
    assert effect_of(pairs(nulls, clean), by_share=False).effect_class == "removes"


def test_where_the_seed_decides_shares_are_compared():
    nulls = [*spiking(1.0, 5.0, 1.0, 1.0), *calm(0.0, 0.0, 0.0, 0.0)]
    found = effect_of(pairs(nulls, calm(*[0.0] * 8)), by_share=True)
    assert found.effect == pytest.approx(1.0)
    assert found.p == 2**4 / 2**8  # the four pairs without a spike say nothing


def test_without_a_spike_in_the_nulls_nothing_is_said():
    found = effect_of(pairs(calm(0.0, 0.0), calm(0.0, 0.0)), by_share=False)
    assert (found.effect_class, found.effect, found.interval, found.p) == ("undecided", None, None, None)


def like(above: float, onset: int | None = 108, *, reached: int | None = 120) -> Assessment:
    """A replay from step 8 so far above a limit of a half; all of its kind are alike, so that intervals are points."""
    return judged(0.5 + above, onset if above > 0 else None, reached=reached, start=8, limit=0.5)


LIKE = [like(1.0)] * 4


@pytest.mark.parametrize(
    ("changed", "outcome", "later"),
    [
        ([like(0.75)] * 4, "no effect", 1.0),  # a quarter less
        ([like(0.625)] * 4, "reduces", 1.0),
        ([like(1.25)] * 4, "no effect", 1.0),
        ([like(1.375)] * 4, "worsens", 1.0),
        ([like(1.0, 132)] * 4, "no effect", 1.24),
        ([like(1.0, 134)] * 4, "delays", 1.26),
        ([like(0.5, 208)] * 4, "delays", 2.0),  # half of it is gone
        ([like(0.375, 208)] * 4, "reduces", 2.0),
        ([like(1.0, 408), like(1.0, 408), like(1.0, 58), like(1.0, 58)], "no effect", math.sqrt(2)),  # both ways
        ([like(1.0, 208)] * 3 + [like(0.0)], "delays", 2.0),
        ([like(1.0, 208)] * 2 + [like(0.0)] * 2, "undecided", 2.0),  # of half of them nothing is known
        ([like(0.0, reached=None)] * 2 + [like(0.0)] * 2, "reduces", None),
        ([like(0.0, reached=None)] * 3 + [like(0.0)], "stops learning", None),
        ([like(0.0)] * 4, "removes", None),  # at the limit itself
    ],
)
def test_where_one_outcome_ends_and_the_next_begins(
    changed: list[Assessment], outcome: str, later: float | None
) -> None:
    found = effect_of(pairs(LIKE, changed), by_share=False)
    assert (found.effect_class, found.spiked) == (outcome, sum(one.severity.spiked for one in changed))
    assert found.later == (None if later is None else pytest.approx(later))


def test_an_effect_is_a_share_of_the_nulls_severity() -> None:
    found = effect_of(pairs([like(1.0), like(3.0)] * 2, [like(0.5), like(1.5)] * 2), by_share=False)
    fall = [0.5, 1.5] * 2  # of 2 on average; Student's t of three degrees of freedom is 3.182
    half = 3.182446 * math.sqrt(sum((one - 1) ** 2 for one in fall) / 3) / 2
    assert found.effect == pytest.approx(0.5)
    assert found.interval == pytest.approx(((1 - half) / 2, (1 + half) / 2), rel=1e-4)


def test_one_pair_has_no_interval_and_decides_no_more_than_that_it_is_gone() -> None:
    assert effect_of(pairs([like(1.0)], [like(0.0)]), by_share=False).effect_class == "removes"
    found = effect_of(pairs([like(1.0)], [like(0.25)]), by_share=False)
    assert (found.effect_class, found.effect, found.interval) == ("undecided", 0.75, None)


@pytest.mark.parametrize(
    ("name", "spiking", "outcome"),
    [("validation", 4, "reduces"), ("validation", 3, "removes"), ("validation/seen", 5, "removes")],
)
def test_a_loss_on_which_four_in_five_nulls_spike_must_be_clean_too(name: str, spiking: int, outcome: str) -> None:
    there, gone = Severity(1.0, 0.0, 18, LIMIT), Severity(0.0, 0.0, None, LIMIT)
    others: list[dict[str, Any]] = [{name: there if at < spiking else gone} for at in range(5)]
    nulls = [judged(1.1, 18, reached=None, **other) for other in others]
    last: dict[str, Any] = {name: there}
    left = [*(judged(0.0, None) for _ in range(4)), judged(0.0, None, **last)]
    assert effect_of(pairs(nulls, left), by_share=False).effect_class == outcome
