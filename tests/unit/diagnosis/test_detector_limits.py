"""Where the alarm of a detector begins: of each pair one run is just below its limit and one just above."""

import math

import numpy as np
import pytest

from newllm.diagnosis.detectors import (
    accuracy,
    evaluation,
    frozen_values,
    gradients,
    jumps,
    loss_bounds,
    trend,
)
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace


def trace_of(decimals: dict[str, int] | None = None, /, **signals: np.ndarray | list[float]) -> Trace:
    """Return signals by name, of steps from 1 on."""
    series = {name: Series(np.arange(1, len(value) + 1), np.asarray(value, float)) for name, value in signals.items()}
    return Trace(series, decimals=decimals or {})


def at_steps(**signals: tuple[list[int], list[float]]) -> Trace:
    return Trace({name: Series(np.array(step), np.array(value, float)) for name, (step, value) in signals.items()})


def joined(*traces: Trace) -> Trace:
    return Trace({name: series for trace in traces for name, series in trace.signals.items()})


# Micro-batches that are summed.


def summed(*logs: float, passes: float = 2.0) -> list[Finding]:
    """Return what is said where so many updates have half the passes, and which log ratio of their norms."""
    count, norm = np.full(60, 4.0), np.ones(60)
    for place, log in enumerate(logs):
        count[5 + 10 * place], norm[5 + 10 * place] = passes, math.exp(log)
    return gradients.detect_accumulation_scale(trace_of(backwards=count, gradient_norm=norm), Facts())


@pytest.mark.parametrize(("share", "told"), [(0.34, False), (0.36, True), (1.39, True), (1.41, False), (-1.0, False)])
def test_norms_that_follow_the_passes_are_sums(share: float, told: bool) -> None:
    found = summed(*[share * math.log(0.5)] * 3)
    assert bool(found) is told
    if told:
        assert found[0].evidence["passes"] == 4.0
        assert found[0].evidence["passes_ratio"] == pytest.approx(2)
        assert found[0].evidence["norm_ratio"] == pytest.approx(2**share)
    assert bool(summed(*[share * math.log(2)] * 3, passes=8.0)) is told


def test_of_two_updates_or_of_scattered_ones_nothing_is_said() -> None:
    assert not summed(-0.7, -0.7)
    assert summed(-0.7, -0.7, -0.7)
    assert not summed(-0.2, -0.7, -1.2)  # within three standard errors of nothing
    assert summed(-0.3, -0.7, -1.1)


def test_a_norm_is_held_against_those_around_it() -> None:
    count, norm = np.full(60, 4.0), np.exp(np.arange(60) / 4)
    for place in (15, 30, 45):
        count[place] = 2.0
        norm[place] *= 0.5
    found = gradients.detect_accumulation_scale(trace_of(backwards=count, gradient_norm=norm), Facts())
    assert found[0].evidence["norm_ratio"] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(("times", "told"), [(0.79, False), (0.81, True), (1.19, True), (1.21, False)])
def test_a_first_loss_of_as_many_times_uniform_as_there_were_passes_is_a_sum(times: float, told: bool) -> None:
    def found(passes: float, vocabulary: int | None) -> list[Finding]:
        loss = np.concatenate([np.full(3, passes * times * math.log(50)), np.ones(17)])
        return gradients.detect_accumulation_scale(
            trace_of(backwards=np.full(20, passes), loss=loss), Facts(vocabulary=vocabulary)
        )

    assert bool(found(4.0, 50)) is told  # whether or not gradients were recorded
    assert bool(found(2.0, 50)) is told
    assert not found(1.0, 50)
    assert not found(4.0, None)
    assert not found(4.0, 1)
    if told:
        assert found(4.0, 50)[0].signal == "loss"
        assert found(4.0, 50)[0].evidence["first_loss_over_uniform"] == pytest.approx(4 * times)
        assert "and" not in str(found(4.0, 50)[0].sentence).partition(": ")[2]


# Values that do not change.


def still(points: int, before: int = 7, **more: np.ndarray) -> list[Finding]:
    """Return what is said of a validation loss that steps by 0.04, and stands still for so many points between."""
    value = 5 - np.cumsum([0.0, *[0.04] * before, *[0.0] * (points - 1), *[0.04] * 6])
    trace = trace_of({"validation_loss": 2}, validation_loss=np.round(value, 2), **more)
    return frozen_values.detect_frozen_values(trace, Facts())


def test_a_repeat_counts_where_chance_gives_one_in_twenty_runs() -> None:
    assert not still(9)  # by chance 0.08
    (found,) = still(10)  # 0.04
    assert found.evidence["expected_by_chance"] == pytest.approx(23 * 0.5**9)
    assert (found.first_step, found.last_step, found.evidence["times"]) == (8, 17, 10)
    assert found.evidence["usual_change"] == pytest.approx(0.04)


@pytest.mark.parametrize(("rate", "told"), [(0.0009, False), (0.0011, True)])
def test_a_loss_may_stand_still_where_the_rate_is_nearly_nothing(rate: float, told: bool) -> None:
    learning_rate = np.ones(40)
    learning_rate[7:17] = rate
    assert bool(still(10, learning_rate=learning_rate)) is told


@pytest.mark.parametrize(("skipped", "told"), [(4, True), (5, False)])
def test_a_loss_stands_still_where_updates_were_skipped(skipped: int, told: bool) -> None:
    value = 5 - np.cumsum([0.0, *[0.04] * 7, *[0.0] * 9, *[0.04] * 6])
    loss = trace_of(validation_loss=np.round(value, 2))
    skips = at_steps(update_skipped=(list(range(9, 9 + skipped)), [1.0] * skipped))
    kinds = {one.kind for one in frozen_values.detect_frozen_values(joined(loss, skips), Facts())}
    assert ("stale-evaluation" in kinds) is told


def test_of_four_values_nothing_is_said_and_of_four_alike_among_others_the_worst() -> None:
    assert not frozen_values.detect_frozen_values(trace_of(loss=[3, 3, 3, 3]), Facts())
    (found,) = frozen_values.detect_frozen_values(trace_of(loss=[3.0] * 5), Facts())
    assert (found.kind, found.severity, found.evidence["expected_by_chance"]) == ("repeated-loss", "fault", 0.0)
    falling = 5 - np.cumsum(np.random.default_rng(0).uniform(0.01, 0.02, 60))
    falling[31], falling[41:43] = falling[30], falling[40]
    (found,) = frozen_values.detect_frozen_values(trace_of(loss=falling), Facts())
    assert (found.evidence["times"], found.evidence["stretches"], found.severity) == (3, 2, "note")
    falling[51] = falling[50]
    (found,) = frozen_values.detect_frozen_values(trace_of(loss=falling), Facts())
    assert (found.evidence["times"], found.evidence["stretches"], found.severity) == (3, 3, "fault")


@pytest.mark.parametrize("moves", [True, False])
def test_it_is_said_whether_training_went_on(moves: bool) -> None:
    loss = np.linspace(5, 4, 40)
    loss[7:17] = loss[7:17] if moves else 4.5
    found = [one for one in still(10, loss=loss) if one.kind == "stale-evaluation"]
    assert [one.evidence["training_loss_moved"] for one in found] == [True] * moves  # rightly the same where none moves


@pytest.mark.parametrize(("count", "severity"), [(6, "note"), (7, "warning")])
def test_a_loss_scaler_skips_one_update_in_fifty(count: int, severity: str) -> None:
    loss = trace_of(loss=np.random.default_rng(0).normal(5, 0.1, 300))
    skips = at_steps(update_skipped=([*range(20, 20 + 7 * count, 7)], [1.0] * count))
    (found,) = frozen_values.detect_frozen_values(joined(loss, skips), Facts())
    assert (found.severity, found.evidence["skipped"], found.evidence["steps"]) == (severity, count, 300)
    assert (found.first_step, found.last_step) == (20, 13 + 7 * count)
    assert found.candidate_causes[0] == ("fp16-overflow" if severity == "note" else "skipped-updates")


@pytest.mark.parametrize(("period", "steps", "told"), [(4, 16, 4), (4, 15, None), (1, 16, None)])
def test_an_update_every_few_steps_is_accumulation(period: int, steps: int, told: int | None) -> None:
    loss = trace_of(loss=np.random.default_rng(0).normal(5, 0.1, steps))
    step = [at for at in range(1, steps + 1) if at % period] or [3]
    (found,) = frozen_values.detect_frozen_values(
        joined(loss, at_steps(update_skipped=(step, [1.0] * len(step)))), Facts()
    )
    assert found.evidence.get("period") == told


# A resume.


def log_of(*missing: int, last: int = 70) -> Trace:
    step = np.array([at for at in range(1, last + 1) if at not in missing])
    return Trace({"loss": Series(step, np.full(len(step), 2.0))})


@pytest.mark.parametrize(
    ("missing", "breaks"),
    [
        ((), []),
        ((20,), [21]),
        ((20, 30, 40), [21, 31, 41]),
        ((20, 30, 40, 50), []),  # an uneven log
        ((*range(5, 25), *range(26, 64)), [25, 64]),
        ((*range(5, 25), *range(26, 65)), []),  # of eleven points there is no usual gap
        (tuple(range(5, 53)), [53]),
        (tuple(range(5, 54)), []),  # fifty steps: another part of the run
    ],
)
def test_a_log_breaks_off_at_three_places_at_most(missing: tuple[int, ...], breaks: list[int]) -> None:
    assert jumps._breaks(log_of(*missing)) == breaks


def test_a_clock_breaks_off_at_three_places_at_most() -> None:
    def found(seconds: np.ndarray, *missing: int) -> list[int]:
        kept = ~np.isin(np.arange(1, 61), missing)
        series = Series(np.arange(1, 61)[kept], seconds[kept])
        return jumps._breaks(joined(log_of(last=60), Trace({"step_seconds": series})))

    seconds = np.ones(60)
    assert found(seconds, 1) == []  # the first step has none before it
    assert found(seconds, 2) == [2]
    assert found(seconds, 20, 30, 40) == [20, 30, 40]
    assert found(seconds, 20, 30, 40, 50) == []
    seconds[[1, 29]] = 21.0
    assert found(seconds) == [30]  # the second step is often slow
    seconds[[29, 2]] = 20.0, 21.0
    assert found(seconds) == [3]
    seconds[[9, 19, 29]] = 21.0
    assert found(seconds) == []


def across(jump: float, before: int = 20, after: int = 20, noise: float = 0.0) -> bool:
    """Whether a loss that jumps by so much on the log scale across a gap was resumed."""
    value = 2 * np.exp(np.r_[np.zeros(before), np.full(after, jump)] + noise * (-1.0) ** np.arange(before + after))
    step = np.r_[np.arange(1, before + 1), np.arange(before + 2, before + after + 2)]
    return bool(jumps.detect_resume(Trace({"loss": Series(step, value)}), Facts()))


def test_a_loss_jumps_across_a_break_by_more_than_its_noise() -> None:
    assert [across(jump) for jump in (0.14, 0.16, -0.5)] == [False, True, False]
    assert [across(0.3, before=4 + more) for more in (0, 1)] == [False, True]
    assert [across(0.3, after=2 + more) for more in (0, 1)] == [False, True]
    # From change to change 0.2, so a point is off by 0.21: 0.55 * 6 of that
    assert [across(jump, noise=0.1) for jump in (0.59, 0.9)] == [False, True]


def of_layers(rise: float, layers: int = 4, risen: int = 4, samples: int = 30, **more: np.ndarray) -> list[Finding]:
    """Return what is said where the updates of some layers are larger at the twentieth sample."""
    value = 1e-3 * np.exp(0.01 * np.cos(np.arange(samples)))
    signals = {f"update_ratio/{place}": value.copy() for place in range(layers)}
    for place in range(min(risen, layers)):
        signals[f"update_ratio/{place}"][min(19, samples - 2) :] *= math.exp(rise)
    return jumps.detect_resume(trace_of(**signals, **more), Facts())


def test_the_updates_of_most_layers_jump_by_half_as_much_again() -> None:
    assert [bool(of_layers(rise)) for rise in (0.45, 0.55)] == [False, True]
    assert of_layers(1.0)[0].first_step == 20
    assert [bool(of_layers(1.0, layers=5, risen=risen)) for risen in (2, 3)] == [False, True]
    assert [bool(of_layers(1.0, layers=layers, risen=2)) for layers in (1, 2)] == [False, True]
    assert [bool(of_layers(1.0, samples=samples)) for samples in (11, 12)] == [False, True]


def test_a_rate_or_a_gradient_that_rose_explains_larger_updates() -> None:
    rose = np.where(np.arange(30) < 19, 1.0, math.e)
    assert not of_layers(1.0, learning_rate=rose)
    assert of_layers(2.0, learning_rate=rose)
    assert not of_layers(1.0, gradient_norm=np.where(np.arange(30) < 18, 1.0, 2.1))
    assert of_layers(1.0, gradient_norm=np.where(np.arange(30) < 18, 1.0, 1.9))


# Accuracies that mean nothing.


def constant(
    times: int, others: int = 0, value: float = 0.25, moved: float = 0.1, **more: list[float]
) -> list[Finding]:
    step = times + others
    loss = 2 + np.linspace(0, 2 * moved, times)
    trace = trace_of(
        accuracy=[value] * times + [0.3 + place / 100 for place in range(others)],
        loss=np.r_[loss, np.full(others, 2.0)],
        **more,
    )
    assert len(trace.series("loss").step) == step
    return accuracy.detect_accuracy(trace, Facts())


def test_an_accuracy_is_constant_over_five_evaluations_and_half_of_all() -> None:
    assert [bool(constant(times)) for times in (4, 5)] == [False, True]
    assert [bool(constant(5, others)) for others in (5, 6)] == [True, False]
    assert [bool(constant(9, value=value)) for value in (0.0, 1.0, 0.5)] == [False, False, True]
    assert [bool(constant(9, moved=moved)) for moved in (0.019, 0.021)] == [False, True]


def test_the_longest_stretch_of_equal_values() -> None:
    assert accuracy._longest(np.array([1.0, 2, 2, 3, 3, 3, 4, 4, 4])) == (3, 5)
    assert accuracy._longest(np.array([1.0, 1])) == (0, 1)
    assert accuracy._longest(np.array([1.0])) == (0, 0)
    assert accuracy._longest(np.array([])) == (0, -1)


def test_what_was_recorded_is_believed_before_a_fraction_is_looked_for() -> None:
    step = [10, 20, 30, 40, 50, 60]
    right, count = [2.0, *[3.0] * 5], [8.0, *[12.0] * 5]
    trace = at_steps(
        validation_correct=(step, right), validation_count=(step, count),
        validation_loss=(step, [3.0, 2.5, 2.0, 1.5, 1.0, 0.5]),
    )  # fmt: skip
    (found,) = accuracy.detect_accuracy(trace, Facts())
    assert (found.evidence["right"], found.evidence["of"], found.evidence["times"]) == (2, 8, 6)
    assert found.signal == "validation_correct"
    assert not accuracy.detect_accuracy(joined(trace, at_steps(validation_count=(step[:5], count[:5]))), Facts())
    assert not accuracy.detect_accuracy(joined(trace, at_steps(validation_count=(step, [0.0, *count[1:]]))), Facts())
    alone = joined(trace, at_steps(validation_classes=(step, [1.0] * len(step))))  # why it stays: said once
    assert [one.kind for one in accuracy.detect_accuracy(alone, Facts())] == ["one-predicted-class"]


@pytest.mark.parametrize(("ones", "others", "told"), [(2, 0, False), (3, 0, True), (4, 1, True), (7, 2, False)])
def test_one_class_is_predicted_at_four_evaluations_in_five(ones: int, others: int, told: bool) -> None:
    found = accuracy.detect_accuracy(trace_of(validation_classes=[2.0] * others + [1.0] * ones), Facts())
    assert bool(found) is told
    if told:
        assert (found[0].first_step, found[0].last_step) == (others + 1, others + ones)
        assert found[0].evidence == {"evaluations": ones, "of": ones + others}


# A loss that never came down, or that climbs.


def levels(*parts: tuple[int, float]) -> np.ndarray:
    """Return a loss of levels, on the log scale, with a little noise."""
    logs = np.concatenate([np.full(points, level) for points, level in parts])
    return np.exp(1.5 + logs + 0.002 * np.random.default_rng(0).normal(size=len(logs)))


def stands(loss: np.ndarray, vocabulary: int | None = None) -> list[Finding]:
    return trend.detect_plateau(trace_of(loss=loss), Facts(vocabulary=vocabulary))


def test_a_loss_that_fell_by_a_fiftieth_fell() -> None:
    assert [bool(stands(levels((50, 0), (50, -fall)))) for fall in (0.017, 0.023)] == [True, False]
    assert [bool(stands(levels((points // 2, 0), (points // 2, 0)))) for points in (10, 12)] == [False, True]


def evaluated(before: np.ndarray) -> list[Finding]:
    """Return what is said of a training loss up to its first evaluation, and as it is later, of which all are alike."""
    loss = np.concatenate([before, levels((600, -0.3))])
    evaluations = Series(np.arange(len(before), len(loss) + 1, 100), levels((7, -0.29)))
    trace = Trace({"loss": Series(np.arange(1, len(loss) + 1), loss), "validation_loss": evaluations})
    return [one for one in trend.detect_plateau(trace, Facts()) if one.signal == "validation_loss"]


def test_what_was_learnt_before_the_first_evaluation_was_learnt() -> None:
    falls = np.exp(1.5 - 0.3 + 0.09 * np.exp(-np.arange(200) / 60)) * levels((200, -1.5))
    assert not evaluated(falls)
    assert evaluated(levels((4, -0.2), (196, -0.3)))  # the scale of an output alone


def test_the_first_number_of_a_log_may_be_a_mean_of_nothing() -> None:
    for at, origin, severity in ((0, None, "note"), (1, None, "fault"), (0, "record", "fault")):
        loss = levels((9, 0.0))
        loss[at] = np.nan
        (found,) = loss_bounds.detect_not_finite(trace_of(loss=loss), Facts(origin=origin))
        assert found.severity == severity


def test_a_standstill_of_two_fifths_is_noted() -> None:
    short, long = (stands(levels((points, 0), (100 - points, -1.0))) for points in (35, 48))
    assert not short
    (found,) = long
    assert (found.severity, found.first_step) == ("note", 1.0)
    assert found.last_step == pytest.approx(46, abs=4)
    assert not stands(levels((48, 0), (52, -0.09)))
    assert stands(levels((48, 0), (52, -0.11)))


@pytest.mark.parametrize(("share", "told"), [(0.96, False), (0.98, True), (1.09, True), (1.11, False)])
def test_a_model_that_stands_at_uniform_has_learnt_nothing(share: float, told: bool) -> None:
    end = math.log(share * math.log(50)) - 1.5
    found = stands(levels((40, end + 0.1), (160, end)), 50)
    assert bool(found) is told
    assert not stands(levels((40, end + 0.1), (160, end)))
    if told:
        assert "uniform" in str(found[0].sentence)
        assert found[0].confidence == 0.95


def climbs(rise: float, points: int = 100, falls: int = 100, noise: float = 0.0, seed: int = 0) -> list[Finding]:
    """Return what is said of a loss that falls by one on the log scale and climbs, slowly, for so many points."""
    logs = np.r_[np.linspace(1, 0, falls), np.linspace(0, rise, points)]
    value = np.exp(logs + noise * np.random.default_rng(seed).normal(size=len(logs)))
    return trend.detect_slow_divergence(trace_of(loss=value), Facts())


def test_a_loss_climbs_by_a_tenth_of_what_it_had_gained() -> None:
    assert [bool(climbs(rise)) for rise in (0.08, 0.3)] == [False, True]
    (found,) = climbs(0.3)
    assert found.first_step == pytest.approx(100, abs=2)
    assert found.last_step == 200
    assert found.evidence["log_rise"] == pytest.approx(0.26, abs=0.02)
    assert all(climbs(0.5, noise=0.02, seed=seed) for seed in range(10))
    assert sum(bool(climbs(0.5, noise=0.5, seed=seed)) for seed in range(10)) <= 4  # within the noise of a level


def test_a_climb_that_has_settled_or_is_short_is_none() -> None:
    settled = np.exp(np.r_[np.linspace(1, 0, 100), np.linspace(0, 0.5, 30), np.full(70, 0.5)])
    assert not trend.detect_slow_divergence(trace_of(loss=settled), Facts())
    assert not climbs(0.3, points=15, falls=185)
    assert not trend.detect_slow_divergence(
        trace_of(validation_loss=np.exp(np.r_[np.linspace(1, 0, 9), np.arange(9) / 9])), Facts()
    )


# A loss that is worse than guessing, or that turns up.


def worse(facts: Facts, *parts: tuple[int, float]) -> tuple[str, float | None, float | None] | None:
    value = np.concatenate([np.full(points, level) for points, level in parts])
    found = loss_bounds.detect_worse_than_chance(trace_of(loss=value), facts)
    return (found[0].kind, found[0].first_step, found[0].last_step) if found else None


@pytest.mark.parametrize(("times", "told"), [(1.09, False), (1.11, True)])
def test_a_level_above_uniform_is_worse_than_guessing(times: float, told: bool) -> None:
    known, level = Facts(vocabulary=50), times * math.log(50)
    expected = ("worse-than-uniform", 51, 60) if told else None
    assert worse(known, (50, 3.8), (10, level), (40, 3.8)) == expected
    assert (worse(known, (11, level), (89, 3.8))) is None  # the first tenth overshoots
    assert worse(Facts(vocabulary=1, untrained_loss=9.0), (50, 3.8), (10, level), (40, 3.8)) is None


@pytest.mark.parametrize(("times", "last"), [(1.49, None), (1.51, 11)])
def test_the_first_tenth_may_overshoot_by_half(times: float, last: int | None) -> None:
    found = worse(Facts(vocabulary=50), (11, times * math.log(50)), (89, 3.0))
    assert found == (None if last is None else ("worse-than-uniform", 1, last))


@pytest.mark.parametrize(("level", "told"), [(4.9, False), (5.1, True)])
def test_a_quarter_above_the_untrained_model_is_worse_than_that(level: float, told: bool) -> None:
    known = Facts(untrained_loss=4.0)
    expected = ("worse-than-untrained", 51, 60) if told else None
    assert worse(known, (50, 3.0), (10, level), (40, 3.0)) == expected
    assert worse(Facts(), (5, 4.0), (45, 3.0), (10, level), (40, 3.0)) == expected  # inferred from the first
    assert worse(known, (50, -3.0), (10, level), (40, 3.0)) is None
    assert worse(Facts(untrained_loss=4.0), (2, 3.0), (2, level)) is None  # four points


@pytest.mark.parametrize(("points", "expected"), [(1, None), (2, ("worse-than-uniform", 11, 12))])
def test_on_a_short_curve_two_points_are_a_level(points: int, expected: tuple[str, int, int] | None) -> None:
    """Below nothing there is no ratio by which one alone could be told."""
    assert worse(Facts(vocabulary=50), (9, 3.0), (1, -1.0), (points, 9.0), (8, 3.0)) == expected


def turned(behind: list[float], loss: list[float] | None = None, best: float = 2.0) -> list[Finding]:
    """Return what is said of a validation loss that falls to its best and goes on like this, training falling."""
    value = [best * 1.5, best * 1.2, best, *(best * math.exp(one) for one in behind)]
    return evaluation.detect_over_fitting(
        trace_of(validation_loss=value, loss=loss or list(np.geomspace(5, 1, len(value)))), Facts()
    )


def test_a_loss_has_turned_up_after_three_evaluations_by_a_twentieth() -> None:
    assert [bool(turned([0.1, 0.2, 0.3][:count])) for count in (2, 3)] == [False, True]
    assert [bool(turned([rise] * 9)) for rise in (0.04, 0.06)] == [False, True]
    assert [[one.severity for one in turned([rise] * 9)] for rise in (0.09, 0.11)] == [["note"], ["warning"]]
    assert not turned([0.3, 0.3, 0.3, 0.2, 0.1, 0.1])  # it comes back
    assert not turned([0.2, 0.2, -0.001, 0.2, 0.2, 0.2])


def test_what_training_did_behind_the_best_is_told() -> None:
    (found,) = turned([0.2] * 9)
    assert found.evidence["training_log_fall"] > 0.5
    assert (found.first_step, found.last_step, found.confidence) == (3, 12, 0.95)
    assert found.evidence["log_rise"] == pytest.approx(0.2)
    assert found.evidence["rise"] == pytest.approx(2 * math.exp(0.2) - 2)
    assert not turned([0.2] * 9, loss=list(np.geomspace(1, 5, 12)))  # it diverges
    (found,) = turned([0.2] * 9, loss=[3.0] * 3)
    assert (found.evidence["training_log_fall"], found.severity, found.confidence) == (None, "note", 0.6)


def unknown(share: float, gap: float) -> list[Finding]:
    """Return what is said where so many targets are unknown, of which each costs two nats more, and of such a gap."""
    step = np.arange(10, 110, 10)

    def level(value: float) -> Series:
        return Series(step, np.full(10, value))

    signals = {
        "validation_loss/unknown": level(4.0), "validation_loss/seen": level(2.0), "validation_count": level(100.0),
        "validation_count/unknown": level(100 * share), "validation_loss": level(2.0 + gap), "loss": level(2.0),
    }  # fmt: skip
    return [one for one in evaluation.detect_over_fitting(Trace(signals), Facts()) if one.kind == "unknown-tokens"]


def test_unknown_tokens_are_told_where_they_make_up_half_of_a_gap() -> None:
    assert [bool(unknown(0.1, gap)) for gap in (0.39, 0.41)] == [True, False]
    assert [bool(unknown(0.1, gap)) for gap in (0.09, 0.11)] == [False, True]
    evidence = unknown(0.1, 0.3)[0].evidence
    assert [evidence[name] for name in ("gap", "of_unknown", "share_of_targets")] == pytest.approx([0.3, 0.2, 0.1])
