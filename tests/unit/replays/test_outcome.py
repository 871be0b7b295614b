import math

import pytest

from newllm.replays.judged import Judged
from newllm.replays.outcome import Pair, effect_of
from newllm.replays.severity import Severity
from newllm.replays.trajectory import Trajectory

LIMIT = 0.1


def judged(
    peak: float,
    onset: int | None,
    *,
    reached: int | None = 20,
    start: int = 10,
    limit: float = LIMIT,
    **others: Severity,
) -> Judged:
    made = Trajectory(start, steps=[start + 1], loss=[1.0], probe_steps=[start], probe=[1.0], reached=reached)
    own = Severity(peak, 0.0, onset, limit)
    return Judged(made, {"loss": own, **others}, "loss")


def pairs(nulls: list[Judged], changed: list[Judged]) -> list[Pair]:
    return [Pair(null, change) for null, change in zip(nulls, changed, strict=True)]


def spiking(*peaks: float, onset: int = 18) -> list[Judged]:
    return [judged(peak, onset, reached=None) for peak in peaks]


def calm(*peaks: float, reached: int | None = 20) -> list[Judged]:
    return [judged(peak, None, reached=reached) for peak in peaks]


NULLS = spiking(1.0, 1.2, 0.9, 1.1, 1.0, 1.05, 0.95, 1.0)


def test_no_spike_and_an_upper_bound_among_healthy_runs_removes():
    found = effect_of(pairs(NULLS, calm(*[0.02, 0.03, 0.01, 0.02, 0.04, 0.02, 0.03, 0.02])), by_share=False)
    assert (found.outcome, found.spiked) == ("removes", 0)
    assert found.effect == pytest.approx(1.0)
    assert found.p == 1 / 2**8  # every sign pattern but the observed one is less extreme


def test_one_spike_in_eight_removes_nothing():
    changed = [*calm(*[0.02] * 7), *spiking(0.8)]
    assert effect_of(pairs(NULLS, changed), by_share=False).outcome == "reduces"


def test_no_spike_but_an_upper_bound_above_the_healthy_limit_does_not_remove():
    changed = calm(*[0.0999] * 7, 0.0)
    assert effect_of(pairs(NULLS, changed), by_share=False).outcome != "removes"


def test_a_change_that_never_comes_as_far_has_stopped_learning():
    found = effect_of(pairs(NULLS, calm(*[0.0] * 8, reached=None)), by_share=False)
    assert found.outcome == "stops learning"


def test_the_same_spike_later_is_delayed():
    later = [judged(peak, 26 + at % 2, reached=40) for at, peak in enumerate([1.0, 1.1, 1.0, 0.9, 1.0, 1.1, 0.9, 1.0])]
    found = effect_of(pairs(NULLS, later), by_share=False)
    assert found.outcome == "delays"
    assert found.later == pytest.approx(math.sqrt(16 / 8 * 17 / 8))


def test_a_worse_spike_worsens():
    assert effect_of(pairs(NULLS, spiking(*[3.0, 2.9, 3.1] * 2, 3.0, 3.0)), by_share=False).outcome == "worsens"


def test_the_same_spike_is_no_effect():
    same = spiking(1.01, 1.19, 0.92, 1.09, 1.02, 1.03, 0.96, 0.99)
    assert effect_of(pairs(NULLS, same), by_share=False).outcome == "no effect"


def test_what_swings_both_ways_is_undecided_and_not_called_no_effect():
    swinging = spiking(0.2, 2.4, 0.3, 2.0, 0.15, 1.9, 0.4, 0.9)
    assert effect_of(pairs(NULLS, swinging), by_share=False).outcome == "undecided"


def test_a_spike_left_on_the_validation_loss_is_not_removed():
    there, gone = Severity(1.0, 0.0, 18, LIMIT), Severity(0.0, 0.0, None, LIMIT)
    nulls = [judged(1.0, 18, reached=None, validation=there) for _ in range(8)]
    left = [judged(0.0, None, validation=there) for _ in range(8)]
    clean = [judged(0.0, None, validation=gone) for _ in range(8)]
    assert effect_of(pairs(nulls, left), by_share=False).outcome == "reduces"
    assert effect_of(pairs(nulls, clean), by_share=False).outcome == "removes"


def test_where_the_seed_decides_shares_are_compared():
    nulls = [*spiking(1.0, 5.0, 1.0, 1.0), *calm(0.0, 0.0, 0.0, 0.0)]
    found = effect_of(pairs(nulls, calm(*[0.0] * 8)), by_share=True)
    assert found.effect == pytest.approx(1.0)
    assert found.p == 2**4 / 2**8  # the four pairs without a spike say nothing


def test_without_a_spike_in_the_nulls_nothing_is_said():
    found = effect_of(pairs(calm(0.0, 0.0), calm(0.0, 0.0)), by_share=False)
    assert (found.outcome, found.effect, found.interval, found.p) == ("undecided", None, None, None)
