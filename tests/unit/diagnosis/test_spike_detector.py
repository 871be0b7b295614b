"""What becomes of a spike, which spikes a schedule explains, and what they cost."""

import dataclasses

import numpy as np
import pytest

from newllm.diagnosis.detectors.spikes import (
    _alternatives,
    _at_restart,
    _confidence,
    _crept,
    _widths,
    detect_spikes,
    outcome,
)
from newllm.diagnosis.detectors.spikes import regular as is_regular
from newllm.diagnosis.detectors.trend import detect_slow_divergence
from newllm.diagnosis.excursion import Excursion
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

ONE = Excursion(onset=10, peak=12, end=15, base=2.0, height=4.0, rise=1.1, noise=0.01, chance=0.0, width=1)


def spikes(*onsets: int, rises: tuple[float, ...] = (1.0,) * 9) -> list[Excursion]:
    return [dataclasses.replace(ONE, onset=at, rise=rise) for at, rise in zip(onsets, rises, strict=False)]


@pytest.mark.parametrize(
    ("onsets", "steady"),
    [
        ((10, 20), False),
        ((10, 20, 30), True),
        ((10, 20, 30, 40, 50), True),
        ((10, 20, 40), True),  # a schedule whose cycles double
        ((10, 20, 40, 80, 160), True),
        ((100, 200, 310), True),
        ((100, 200, 320), False),  # two gaps always differ by one factor: it has to be that of a schedule
        ((10, 20, 35), False),
        ((10, 40, 50), False),
        ((10, 20, 30, 50), False),
        ((100, 200, 310, 420, 530), True),
        ((10, 25, 47, 80, 130), False),
    ],
)
def test_a_schedule_repeats_its_bumps_at_equal_or_doubling_intervals(onsets: tuple[int, ...], steady: bool) -> None:
    assert is_regular(spikes(*onsets)) is steady


@pytest.mark.parametrize(("highest", "steady"), [(3.9, True), (4.0, False)])
def test_its_bumps_are_of_like_size(highest: float, steady: bool) -> None:
    assert is_regular(spikes(10, 20, 30, rises=(1.0, highest, 2.0))) is steady


def curve(*levels: tuple[int, float]) -> Series:
    value = np.concatenate([np.full(points, level) for points, level in levels])
    return Series(np.arange(1, len(value) + 1), value)


@pytest.mark.parametrize(
    ("series", "end", "became"),
    [
        (curve((10, 2.0), (5, 6.0), (10, 2.0)), 15, "recovered"),
        (curve((10, 2.0), (10, 6.0)), 20, "diverged"),
        (curve((10, 2.0), (4, 6.0), (6, 3.9)), 20, "new plateau"),
        (curve((10, 2.0), (4, 6.0), (6, 4.1)), 20, "diverged"),  # more than half of its height is left
        (curve((10, 2.0), (3, 6.0), (1, 3.0)), 14, "diverged"),  # too soon to speak of a level
        (curve((10, 2.0), (3, 6.0), (2, 3.0)), 15, "new plateau"),
        (curve((10, 2.0), (8, 6.0), (2, 3.0)), 20, "new plateau"),  # by its last quarter
        (curve((10, 2.0), (9, 6.0), (1, 3.0)), 20, "diverged"),
    ],
)
def test_what_becomes_of_a_spike(series: Series, end: int, became: str) -> None:
    assert outcome(series, dataclasses.replace(ONE, end=end)) == became


@pytest.mark.parametrize(("steepest", "crept"), [(0.49, True), (0.51, False)])
def test_a_validation_loss_that_rises_bit_by_bit_and_stays_up_has_crept(steepest: float, crept: bool) -> None:
    climb = np.cumsum([0.0] * 10 + [steepest, (1 - steepest) / 2, (1 - steepest) / 2] + [0.0] * 7)
    series = Series(np.arange(20), 2 * np.exp(climb))
    stays = dataclasses.replace(ONE, end=20, rise=1.0)
    assert _crept("validation_loss", series, stays) is crept
    assert not _crept("loss", series, stays)
    assert not _crept("validation_loss", series, dataclasses.replace(stays, end=19))


def test_an_excursion_at_the_first_point_may_have_crept_as_well() -> None:
    series = Series(np.arange(20), 2 * np.exp(np.minimum(np.arange(20), 10) / 10))
    assert _crept("validation_loss", series, dataclasses.replace(ONE, onset=0, peak=10, end=20, rise=1.0))


@pytest.mark.parametrize(("onset", "near"), [(295, False), (296, True), (308, True), (309, False)])
def test_a_bump_near_a_planned_restart_is_the_schedules(onset: int, near: bool) -> None:
    """Of a width of one: four points before, twice as many behind."""
    rate = Series(np.arange(1, 401), np.concatenate([np.linspace(1, 0.01, 299), np.linspace(1, 0.01, 101)]))
    trace = Trace({"learning_rate": rate})
    loss = curve((400, 2.0))
    bump = dataclasses.replace(ONE, onset=onset - 1, peak=onset, end=onset + 4)
    assert _at_restart(trace, loss, bump) is near
    assert not _at_restart(trace, loss, dataclasses.replace(bump, end=400))
    sparse = Trace({"learning_rate": Series(10 * rate.step, rate.value)})
    assert _at_restart(sparse, Series(10 * loss.step, loss.value), bump) is near


@pytest.mark.parametrize(
    ("chance", "rise", "confidence"), [(0.0, 0.1, 0.632), (0.0, 9.0, 1.0), (0.02, 9.0, 0.8), (0.2, 9.0, 0.5)]
)
def test_how_sure_by_chance_and_by_height(chance: float, rise: float, confidence: float) -> None:
    assert _confidence(dataclasses.replace(ONE, chance=chance, rise=rise)) == confidence


def test_the_last_point_stands_for_as_many_steps_as_the_one_before() -> None:
    assert _widths(np.array([1, 2, 4, 10])).tolist() == [1, 2, 6, 6]


def test_what_else_it_may_be() -> None:
    assert "other data" in str(_alternatives("validation_loss", ONE)[0])
    assert "bad batch" in str(_alternatives("loss", dataclasses.replace(ONE, end=11))[0])
    assert len(_alternatives("loss", dataclasses.replace(ONE, end=12))) == 2
    assert "bad batch" not in "".join(map(str, _alternatives("loss", dataclasses.replace(ONE, end=12))))


def test_its_cost_is_the_height_above_the_base_by_the_steps_it_lasted() -> None:
    value = np.full(100, 2.0)
    value[50:54] = [4.0, 5.0, 4.0, 3.0]
    (found,) = detect_spikes(Trace({"loss": Series(2 * np.arange(1, 101), value)}), Facts())
    assert found.evidence["cost_nats_x_steps"] == pytest.approx(2 * (2 + 3 + 2 + 1))
    assert (found.first_step, found.last_step, found.evidence["recovered_step"]) == (102, 108, 110)
    assert (found.evidence["peak"], found.evidence["peak_step"], found.evidence["base"]) == (5.0, 104, 2.0)
    assert found.severity == "warning"


def test_of_many_spikes_the_three_largest_are_told_in_their_order() -> None:
    value = 2 * np.exp(0.02 * np.random.default_rng(0).normal(size=4000))
    for at, top in ((500, 3.0), (900, 8.0), (2000, 4.0), (2600, 5.0), (3500, 3.2)):
        value[at : at + 3] = top
    found = detect_spikes(Trace({"loss": Series(np.arange(1, 4001), value)}), Facts())
    assert [one.evidence["peak"] for one in found] == [8.0, 4.0, 5.0]
    assert {one.evidence["spikes_in_this_signal"] for one in found} == {5}


@pytest.mark.parametrize(
    ("start", "peak", "severity"),
    [
        (0.0, 0.0, "note"),  # the loss of a critic whose opponent catches up
        (0.0, 3.0, "fault"),
        (3.0, 3.0, "fault"),  # a likelihood that was learnt and is lost
    ],
)
def test_a_loss_that_comes_back_to_a_start_at_zero_is_a_balance(start: float, peak: float, severity: str) -> None:
    value = np.r_[np.linspace(start, -1.0, 40), np.full(40, -1.0), np.full(60, peak)]
    value += 0.01 * np.random.default_rng(0).normal(size=len(value))
    (found,) = detect_spikes(Trace({"loss": Series(np.arange(1, len(value) + 1), value)}), Facts())
    assert found.severity == severity
    assert (severity == "note") is (found.alternatives[0].id == "finding-spike.balance")


@pytest.mark.parametrize(("start", "severity"), [(0.0, "note"), (1.5, "warning")])
def test_a_slow_climb_back_to_a_start_at_zero_is_a_balance_too(start: float, severity: str) -> None:
    value = np.r_[np.linspace(start, -1.0, 60), np.linspace(-1.0, -0.3, 140)]
    value += 0.01 * np.random.default_rng(0).normal(size=len(value))
    (found,) = detect_slow_divergence(Trace({"loss": Series(np.arange(1, len(value) + 1), value)}), Facts())
    assert found.severity == severity


def recovered_spikes(*value: float) -> int:
    loss = Series(np.arange(1, len(value) + 1), np.array(value))
    return len(detect_spikes(Trace({"loss": loss}), Facts()))


@pytest.mark.parametrize(("noise", "peak", "count"), [(0.03, 2.6, 0), (0.03, 6.0, 1), (0.002, 2.6, 1)])
def test_very_few_points_tell_a_rise_that_is_large_or_far_above_their_noise(
    noise: float, peak: float, count: int
) -> None:
    calm = np.geomspace(3, 1.2, 12) * (1 + noise * np.array([1, -1, -1, 1, -1, 1, -1, 0, 0, 0, 0, 0]))
    assert recovered_spikes(*calm[:8], peak, *calm[8:]) == count
    assert recovered_spikes(*calm[:8], peak, *calm[8:], *np.geomspace(1.2, 0.9, 6)) == 1  # nineteen points


def test_what_rose_as_far_from_one_point_to_the_next_before_is_no_spike() -> None:
    later = (4.159, 3.414, 0.594, 0.87, 0.3, 1.097, 1.0)
    rough = (0.431, 3.63, 4.612, 4.652, 4.501, 1.945, 6.327, -1.689)
    assert recovered_spikes(*rough, *later) == 0
    steady = (4.8, 4.7, 4.65, 4.652, 4.501, 4.4, 4.3, 1.9)
    assert recovered_spikes(*steady, 14.0, 1.8, *later[2:]) == 1


def test_near_nothing_points_that_stand_out_as_far_by_ratio_are_as_usual() -> None:
    before = (2.29, 2.28, 2.19, 2.08, 1.96, 1.79, 1.45, 1.04, 0.98, 0.89, 0.8, 0.7, 0.6, 0.55, 0.485, 0.472, 0.388)
    after = (0.337, 0.572, 0.298, 0.333, 0.154, 0.452, 0.26, 0.258, 0.231, 0.685, 0.111, 0.2, 0.1)
    assert recovered_spikes(*before, 0.997, *after) == 0
    assert recovered_spikes(*before, 0.997, *np.linspace(0.35, 0.1, 13)) == 1


@pytest.mark.parametrize(("decimals", "count"), [(None, 1), (3, 0), (4, 1)])
def test_what_rises_by_its_last_printed_digit_only_is_no_spike(decimals: int | None, count: int) -> None:
    loss = np.r_[np.full(60, 0.001), np.full(5, 0.003), np.full(60, 0.001)]
    trace = Trace({"loss": Series(np.arange(125), loss)}, decimals={} if decimals is None else {"loss": decimals})
    assert len(detect_spikes(trace, Facts())) == count


EVALUATED = np.arange(30.0, 181, 30)
TRAINED = np.arange(1.0, 181)


def evaluations(*value: float, training: np.ndarray) -> list[str]:
    signals = {"loss": Series(TRAINED, training), "validation_loss": Series(EVALUATED, np.array(value))}
    found = detect_spikes(Trace(signals), Facts())
    return [one.evidence["outcome"] for one in found if one.signal == "validation_loss"]


def test_one_evaluation_of_six_is_no_spike_unless_training_shows_it_too() -> None:
    draw = np.random.default_rng(0)
    calm = (0.04 + 0.1 * np.exp(-TRAINED / 20)) * np.exp(0.1 * draw.normal(size=len(TRAINED)))
    twice = 0.0605, 0.0504, 0.0479, 0.0966, 0.0379, 0.0355
    assert evaluations(*twice, training=calm) == []
    for factor in (2.5, 0.3):  # it rises, or falls, as where one text came again and again
        moved = calm * np.where((TRAINED > 110) & (TRAINED <= 118), factor, 1.0)
        assert evaluations(*twice, training=moved) == ["recovered"]
    assert evaluations(0.0605, 0.0504, 0.0479, 0.2, 0.0379, 0.0355, training=calm) == ["recovered"]


def test_an_evaluation_below_all_before_it_ends_a_spike_though_it_is_the_last() -> None:
    series = Series(EVALUATED, np.array([0.1039, 0.1024, 0.1033, 0.1178, 0.1248, 0.1027]))
    spike = Excursion(onset=4, peak=4, end=5, base=0.1033, height=0.0215, rise=0.19, noise=0.01, chance=0.0, width=1)
    assert outcome(series, spike) == "recovered"
    open_ended = Series(EVALUATED, np.array([0.1039, 0.1024, 0.1033, 0.1178, 0.1248, 0.12]))
    assert outcome(open_ended, spike) == "at the end"
