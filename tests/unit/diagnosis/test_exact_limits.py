"""What lies right at a limit of a detector, and what lies just beside it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from newllm.diagnosis.detectors import (
    accuracy,
    activations,
    evaluation,
    explosion,
    frozen_layers,
    frozen_values,
    gradients,
    jumps,
    loss_bounds,
    mode,
    optimizer,
    recurrence,
    spikes,
    trend,
)
from newllm.diagnosis.facts import Facts, Layer
from newllm.replays.subjects.spikes import spikes_of
from newllm.trace import Finding, Series, Trace
from newllm.trace.remark import note

Values = Sequence[float] | np.ndarray


def trace_of(decimals: dict[str, int] | None = None, /, **signals: Values) -> Trace:
    """Return signals by name, of steps from 1 on; `__` stands for the slash."""
    series = {
        name.replace("__", "/"): Series(np.arange(1, len(value) + 1), np.asarray(value, float))
        for name, value in signals.items()
    }
    return Trace(series, decimals=decimals or {})


def parts(*of: tuple[int, float]) -> list[float]:
    return [level for points, level in of for _ in range(points)]


def told(found: list[Finding]) -> bool:
    return bool(found)


def summed(count: Values, norm: Values) -> list[Finding]:
    return gradients.detect_accumulation_scale(trace_of(backwards=count, gradient_norm=norm), Facts())


def test_a_norm_is_held_against_the_usual_four_on_each_side() -> None:
    count, norm = np.full(60, 4.0), np.array(parts((10, 2.0), (20, 6.0), (20, 2.0), (10, 6.0)))
    for place in (10, 30, 50):  # where the level steps: four points of 2 and four of 6 have the median 4
        count[place], norm[place] = 2.0, 2.0
    (found,) = summed(count, norm)
    assert found.evidence["norm_ratio"] == pytest.approx(2)


def test_a_norm_of_nothing_has_no_ratio() -> None:
    count, norm = np.full(60, 4.0), np.ones(60)
    for place in (5, 15, 25, 35, 45):
        count[place], norm[place] = 2.0, 0.5
    norm[5] = norm[17] = 0.0  # the first, and one that is near the second
    (found,) = summed(count, norm)
    assert found.evidence["norm_ratio"] == pytest.approx(2)
    norm[27] = 0.0
    assert not summed(count, norm)


def test_the_two_commonest_numbers_of_passes_are_compared() -> None:
    count, norm = np.full(60, 2.0), np.ones(60)
    count[[5, 15, 25]], norm[[5, 15, 25]] = 1.0, 0.5
    count[35] = 8.0
    (found,) = summed(count, norm)
    assert found.evidence["passes_ratio"] == pytest.approx(2)
    count[5] = 0.5
    assert not summed(count, norm)
    assert not summed(np.where(count < 1, 1.0, count), np.where(count < 1, 1.0, 1.0))


def test_the_first_loss_is_that_of_three_updates() -> None:
    def found(loss: Values, vocabulary: int = 2) -> list[Finding]:
        return gradients.detect_accumulation_scale(
            trace_of(backwards=[4.0] * 20, loss=loss), Facts(vocabulary=vocabulary)
        )

    first = 4 * np.log(2)
    assert told(found(parts((2, first), (18, 0.1))))
    assert not told(found(parts((1, first), (19, 0.1))))
    no_loss = trace_of(backwards=[4.0] * 20, gradient_norm=[1.0] * 20)
    assert not gradients.detect_accumulation_scale(no_loss, Facts(vocabulary=50))


def test_both_signs_of_a_sum_are_told_in_one_sentence() -> None:
    count, norm = np.full(60, 4.0), np.ones(60)
    count[[5, 15, 25]], norm[[5, 15, 25]] = 2.0, 0.5
    trace = trace_of(backwards=count, gradient_norm=norm, loss=parts((3, 4 * np.log(50)), (57, 1.0)))
    (found,) = gradients.detect_accumulation_scale(trace, Facts(vocabulary=50))
    assert str(found.sentence) == (
        "micro-batches are summed, not averaged: with 4 backward passes per update the gradient norm is 2.0 times as "
        "large as with 2 and the first loss is 4.00 times ln V with 4 passes per update"
    )


@pytest.mark.parametrize(
    ("loss", "is_told"),
    [
        ([50, 50, 50, 50, 52, 50, 50], True),  # by more than a fiftieth
        ([50, 50, 50, 50, 51, 50, 50], False),
        ([50, 50, 50, 50, 50, 50, 90], False),  # behind the stretch
        ([90, 50, 50, 50, 50, 50, 50], False),  # before it
        ([50, 90, 50, 50, 50, 50, 50], True),  # at its first
        ([50, 50, 50, 50, 50, 90, 50], True),  # at its last
        ([0, 0, 0, 0, 1, 1, 0], True),
    ],
)
def test_a_loss_moves_within_the_stretch_of_a_constant_accuracy(loss: list[float], is_told: bool) -> None:
    trace = trace_of(accuracy=[0.1, *[0.25] * 5, 0.3], loss=loss)
    found = accuracy.detect_accuracy(trace, Facts())
    assert [(one.first_step, one.last_step, one.evidence["times"]) for one in found] == [(2, 6, 5)] * is_told


def test_a_loss_moves_between_two_points() -> None:
    step = np.arange(1, 6)
    constant = Series(step, np.full(5, 0.25))
    for at, is_told in (([1, 5], True), ([5], False)):
        loss = Series(np.array(at), np.arange(1.0, len(at) + 1))
        assert told(accuracy.detect_accuracy(Trace({"accuracy": constant, "loss": loss}), Facts())) is is_told


@pytest.mark.parametrize(
    ("value", "digits", "fraction"),
    [
        (0.5, 4, (1, 2)),
        (0.34, 2, (None, None)),  # near 10 of 29, and near so many others
        (0.33, 2, (1, 3)),
        (34.0, 1, (None, None)),
        (1.5, 1, (None, None)),
        (0.2553, 4, (12, 47)),
        (0.0164, 4, (None, None)),  # 1 of 61: of so many digits 57 is the largest count that says something
        (0.0175, 4, (1, 57)),
        (round(1000 / 1999, 9), 9, (1000, 1999)),
        (round(1000 / 2003, 9), 9, (None, None)),
    ],
)
def test_the_simplest_fraction_that_is_printed_so(
    value: float, digits: int, fraction: tuple[int | None, int | None]
) -> None:
    (found,) = accuracy.detect_accuracy(
        trace_of({"accuracy": digits}, accuracy=[value] * 5, loss=[5, 4, 3, 2, 1]), Facts()
    )
    assert (found.evidence["right"], found.evidence["of"]) == fraction
    shown = f"{fraction[0]} of {fraction[1]}" if fraction[1] else format(value, ".4g")
    assert f"accuracy is {shown} at each of 5 evaluations" in str(found.sentence)


@pytest.mark.parametrize(("steps", "counts", "of"), [([1, 2, 9], [4, 8, 12], 8), ([1], [4], 4), ([3, 9], [4, 8], 4)])
def test_the_recorded_count_is_that_of_the_first_evaluation(steps: list[int], counts: list[int], of: int) -> None:
    step = np.arange(2, 8)
    trace = Trace(
        {
            "validation_accuracy": Series(step, np.full(6, 0.25)),
            "validation_loss": Series(step, 9.0 - step),
            "validation_count": Series(np.array(steps), np.array(counts, float)),
        }
    )
    (found,) = accuracy.detect_accuracy(trace, Facts())
    assert (found.evidence["right"], found.evidence["of"]) == (of // 4, of)


def grown(value: Values, name: str = "activation_rms__a") -> float | None:
    found = activations.detect_growth(trace_of(**{name: value}), Facts())
    return found[0].evidence["factor"] if found else None


def test_what_has_grown_tenfold_and_stays_is_told() -> None:
    assert grown(parts((4, 3.0), (36, 30.0))) == 10.0
    assert grown(parts((4, 3.0), (36, 29.9))) is None
    assert grown(parts((4, 2.9), (36, 29.5))) is None  # tenfold, and not large
    assert grown(parts((4, 20.0), (36, 200.0)), "logit_max") == 10.0
    assert grown(parts((4, 19.9), (36, 199.5)), "logit_max") is None
    assert grown(parts((4, -3.0), (36, -30.0)), "context_norm") == 10.0
    assert grown(parts((4, 1.0), (32, 40.0), (4, 36.0))) == 36.0
    assert grown(parts((4, 1.0), (32, 40.0), (4, 35.9))) is None  # it shrinks again
    assert grown(parts((2, 1.0), (2, 5.0), (36, 30.0))) == 10.0  # a tenth of the points, from first to last
    assert grown(parts((4, 1.0), (34, 30.0), (2, 34.0))) == 32.0
    assert grown([2.0, 4.0, *[30.0] * 6]) == 10.0  # at least two
    assert grown([2.0, 4.0, *[30.0] * 5]) is None
    assert grown(parts((4, 0.0), (36, 30.0))) is None


def test_attention_has_collapsed_below_a_tenth_of_a_nat() -> None:
    def entropy(level: float, first: float = 2.0) -> bool:
        return told(
            activations.detect_attention_collapse(
                trace_of(attention_entropy__a=parts((2, first), (10, level))), Facts()
            )
        )

    assert [entropy(level) for level in (0.1, 0.0999)] == [False, True]
    assert [entropy(0.0625, first) for first in (0.3125, 0.313)] == [False, True]
    high = trace_of(
        attention_entropy__a=parts((2, 2.0), (10, 0.05)), attention_entropy__b=[1.0] * 12,
        attention_logit__a=[80.0] * 12, attention_logit__b=parts((9, 1.0), (3, 81.0)),
    )  # fmt: skip
    (found,) = activations.detect_attention_collapse(high, Facts())
    assert found.evidence == {"layers": ["a", "b"], "entropy": {"a": 0.05}, "logit": {"b": 81.0}}
    assert "mean entropy 0.05 nats in a" in str(found.sentence)
    (found,) = activations.detect_attention_collapse(trace_of(attention_logit__b=parts((9, 1.0), (3, 81.0))), Facts())
    assert (found.signal, found.evidence["entropy"]) == ("attention_logit/b", {})
    assert "logits up to 81 in b" in str(found.sentence)
    short = trace_of(attention_entropy__a=[2.0, 0.01, 0.01], attention_logit__a=[81.0] * 3)
    assert not activations.detect_attention_collapse(short, Facts())


def gains(*of: tuple[int, float], **more: Values) -> tuple[float | None, float | None, float | None] | None:
    found = recurrence.detect_context_growth(trace_of(context_growth=parts(*of), **more), Facts())
    return (found[0].first_step, found[0].last_step, found[0].confidence) if found else None


def test_a_context_grows_above_a_gain_for_four_samples_and_a_fifth_of_all() -> None:
    assert gains((10, 1.0), (10, 1.05)) is None
    assert gains((10, 1.0), (10, 1.06)) == (11, 20, 0.6)
    assert gains((10, 1.0), (3, 1.3), (2, 1.0)) is None
    assert gains((10, 1.0), (4, 1.3), (1, 1.0)) == (11, 14, 0.75)
    assert gains((10, 1.0), (7, 1.3), (23, 1.0)) is None
    assert gains((10, 1.0), (8, 1.3), (22, 1.0)) == (11, 18, 0.75)
    assert gains((5, 1.0), (8, 1.3), (5, 1.0), (9, 1.3), (8, 1.0)) == (19, 27, 0.75)  # the longer one
    assert gains((5, 1.0), (9, 1.3), (5, 1.0), (8, 1.3), (8, 1.0)) == (6, 14, 0.75)


def test_a_context_that_has_settled_or_has_not_risen_grows_no_more() -> None:
    assert gains((8, 1.0), (6, 1.2), (6, 1.0)) == (9, 14, 0.75)  # as large as that in any case
    assert gains((8, 1.0), (6, 1.19), (6, 1.0)) is None
    assert gains((8, 1.0), (6, 1.19), (5, 1.0)) == (9, 14, 0.6)
    assert gains((8, 1.0), (4, 1.1), (4, 1.0)) is None
    assert gains((8, 1.0), (4, 1.1), (3, 1.0)) == (9, 12, 0.6)
    assert gains((3, 1.0625), (17, 1.02 * 1.0625)) is None
    assert gains((3, 1.0625), (17, 1.084)) == (1, 20, 0.6)
    assert gains((2, 1.0), (1, 1.3), (17, 1.06)) == (3, 20, 0.75)


@pytest.mark.parametrize(("at", "lead"), [(8, None), (9, 0), (12, 3)])
def test_a_loss_that_is_not_finite_behind_the_first_growth_is_its_doing(at: int, lead: int | None) -> None:
    loss = np.where(np.arange(1, 21) == at, np.nan, 2.0)
    trace = trace_of(context_growth=parts((8, 1.0), (6, 1.1), (6, 1.0)), loss=loss)
    found = recurrence.detect_context_growth(trace, Facts())
    assert [one.evidence["lead_steps"] for one in found] == ([] if lead is None else [lead])
    assert all(one.confidence == 0.9 for one in found)


def test_units_are_dead_from_four_in_five_on() -> None:
    def found(*of: tuple[int, float]) -> list[Finding]:
        return activations.detect_idle_units(trace_of(activation_zero__a=parts(*of)), Facts())

    assert [told(found((10, share))) for share in (0.79, 0.8)] == [False, True]
    assert told(found((5, 0.0), (5, 0.8)))  # of the second half
    assert found((2, 0.8), (8, 1.0))[0].candidate_causes[0] == "initialisation"


def test_a_layer_is_frozen_that_moves_at_one_sample_in_twenty() -> None:
    def found(moves: int) -> list[Finding]:
        trace = trace_of(update_norm__a=parts((moves, 1.0), (20 - moves, 0.0)), update_norm__b=[1.0] * 20)
        return frozen_layers.detect_frozen_layer(trace, Facts())

    assert [told(found(moves)) for moves in (1, 2)] == [True, False]
    three = trace_of(update_norm__a=[0.0] * 3, update_norm__b=[1.0] * 3)
    assert told(frozen_layers.detect_frozen_layer(three, Facts()))


def test_a_gradient_explodes_to_twice_all_that_the_first_tenth_showed() -> None:
    def found(*of: tuple[int, float], **more: Values) -> list[Finding]:
        return explosion.detect_explosion(trace_of(gradient_norm=parts(*of), **more), Facts())

    assert [told(found((1, 8.0), (58, 1.0), (1, peak), (40, 1.0))) for peak in (15.9, 16.0)] == [False, True]
    assert [told(found((9, 1.0), (1, 8.0), (49, 1.0), (1, 15.0), (40, 1.0)))] == [False]
    assert [told(found((50, 1.0), (1, peak), (49, 1.0))) for peak in (7.9, 8.1)] == [False, True]
    assert [told(found((points, 1.0), (1, 20.0), (9, 1.0))) for points in (9, 10)] == [False, True]
    assert not told(found((50, 1.0), (1, 20.0), (48, 1.0), (1, 0.0)))
    (one,) = found((60, 1.0), (2, 30.0), (38, 1.0), gradient_norm_clipped=[1.0, 2.0, 1.0])
    assert (one.first_step, one.last_step) == (61, 62)
    assert (one.evidence["explosions"], one.evidence["steps"], one.evidence["highest_of_start"]) == (1, 2, 1.0)
    assert (one.evidence["clipped_to"], one.evidence["ratio"]) == (2.0, pytest.approx(30.0))


def still(*of: tuple[int, float], **more: Values) -> list[Finding]:
    """Return what is said of a loss that falls by so much at so many points each."""
    value = np.round(50 - np.cumsum([0.0, *parts(*of)]), 2)
    return frozen_values.detect_frozen_values(trace_of({"loss": 2}, loss=value, **more), Facts())


def test_of_repeats_the_longest_and_then_the_less_likely_is_told() -> None:
    (found,) = still((9, 0.4), (4, 0.0), (9, 0.8), (5, 0.0), (9, 0.4))
    assert (found.evidence["times"], found.evidence["stretches"]) == (6, 2)
    (found,) = still((9, 0.4), (4, 0.0), (9, 0.8), (4, 0.0), (9, 0.8))
    assert (found.first_step, found.last_step) == (23, 27)
    (found,) = still((9, 0.4), (3, 0.0), (9, 0.4))
    assert (found.severity, found.evidence["times"]) == ("note", 4)
    assert found.confidence == pytest.approx(1 - 22 / 20**3, abs=1e-3)


def test_a_rate_of_a_thousandth_is_at_rest_and_so_are_updates_of_which_half_were_skipped() -> None:
    for first, rate in ((1e-3, 1.0), (1.0, 1e-3), (1e-3, 1e-3)):
        rates = np.ones(19)
        rates[5:14] = 1e-3
        rates[5], rates[13] = first, rate
        # The rate of the first went into what it gave: those behind it count.
        assert told(still((5, 0.4), (8, 0.0), (5, 0.4), learning_rate=rates)) is (rate == 1.0)
    skipped = np.zeros(19)
    skipped[[6, 7, 12, 13]] = 1.0  # behind the first and up to the last of nine equal values

    def found(at: np.ndarray) -> bool:
        steps = Series(np.flatnonzero(at) + 1, np.ones(int(at.sum())))
        value = np.round(50 - np.cumsum([0.0, *parts((5, 0.4), (8, 0.0), (5, 0.4))]), 2)
        trace = Trace({"loss": Series(np.arange(1, 20), value), "update_skipped": steps}, decimals={"loss": 2})
        return any(one.kind == "repeated-loss" for one in frozen_values.detect_frozen_values(trace, Facts()))

    assert not found(skipped)
    skipped[[13, 14, 5]] = 0, 1, 1
    assert found(skipped)


def test_training_moved_within_the_stretch_of_a_stale_evaluation() -> None:
    def moved(*values: float) -> list[bool | None]:
        validation = Series(10 * np.arange(1, 13), np.round(50 - np.cumsum([0, *parts((4, 0.4), (4, 0), (3, 0.4))]), 2))
        loss = Series(np.array([49, 50, 90, 91]), np.array(values))
        trace = Trace({"validation_loss": validation, "loss": loss}, decimals={"validation_loss": 2})
        return [one.evidence["training_loss_moved"] for one in frozen_values.detect_frozen_values(trace, Facts())]

    assert [moved(3, 2, 2, 1), moved(3, 2, 1.5, 1)] == [[], [True]]  # rightly the same where nothing moves


def test_a_single_step_that_was_skipped_is_a_note() -> None:
    for loss, skipped, severity in (([2.0], [1.0], "note"), ([2.0, 2.0], [1.0, 1.0], "warning"), ([], [1.0], "note")):
        (found,) = frozen_values.detect_frozen_values(trace_of(loss=loss, update_skipped=skipped), Facts())
        assert (found.severity, found.evidence) == (severity, {"skipped": len(skipped), "steps": len(skipped)})


def test_what_was_seen_at_no_time_is_left_out() -> None:
    marks = [0.0, 1.0, 0.0, 1.0, 0.0]
    evaluated = mode.detect_training_mode(trace_of(evaluation_in_training_mode=marks), Facts())
    carried = gradients.detect_carried(trace_of(gradient_carried=marks), Facts())
    skipped = frozen_values.detect_frozen_values(
        trace_of(loss=[5.0, 4.0, 3.0, 2.0, 1.0], update_skipped=marks), Facts()
    )
    for (found,) in (evaluated, carried, skipped):
        assert (found.first_step, found.last_step, next(iter(found.evidence.values()))) == (2, 4, 2)
    assert not mode.detect_training_mode(trace_of(evaluation_in_training_mode=[0.0, 0.0]), Facts())


@pytest.mark.parametrize(
    ("points", "bad", "severity"),
    [(100, 5, "note"), (100, 6, "fault"), (10, 1, "note"), (10, 2, "fault"), (40, 2, "note"), (40, 3, "fault")],
)
def test_a_loss_scaler_overflows_at_one_step_in_twenty(points: int, bad: int, severity: str) -> None:
    norm = np.ones(points)
    norm[2 : 2 + bad] = np.inf
    (found,) = loss_bounds.detect_not_finite(trace_of(gradient_norm=norm, loss=np.ones(points)), Facts())
    assert found.severity == severity
    norm[-1] = np.nan
    assert (
        loss_bounds.detect_not_finite(trace_of(gradient_norm=norm, loss=np.ones(points)), Facts())[0].severity
        == "fault"
    )


def test_where_it_was_not_finite_and_what_came_before() -> None:
    (found,) = loss_bounds.detect_not_finite(trace_of(loss=[np.nan, 2, 2]), Facts())
    assert str(found.sentence) == "loss is not finite at 1 of 3 points, first at step 1"
    assert found.evidence == {"count": 1, "of": 3, "for_good": False, "before": None}
    (found,) = loss_bounds.detect_not_finite(trace_of(loss=[2, 3, np.nan]), Facts())
    assert str(found.sentence) == "loss is not finite at 1 of 3 points, first at step 3 (before it 3)"
    assert found.evidence["for_good"]
    (found,) = loss_bounds.detect_not_finite(trace_of(loss=[2, np.inf, np.nan]), Facts())
    assert str(found.sentence).endswith("first at step 2 (before it 2), and stays so to the end")


def test_how_the_gradient_had_grown_before_the_loss_was_not_finite() -> None:
    def growth(*norm: float) -> float | None:
        loss = np.where(np.arange(len(norm)) == len(norm) - 1, np.nan, 2.0)
        (found,) = loss_bounds.detect_not_finite(trace_of(loss=loss, gradient_norm=list(norm)), Facts())
        return found.evidence.get("gradient_growth_before")

    assert growth(*[2.0] * 7, *[4.0] * 8, 9, 9, 1, 7, 8, 99) == 7 / 4  # the last three by all but the last five
    assert growth(*[2.0] * 8, *[4.0] * 7, 9, 9, 1, 7, 8, 99) == 7 / 2
    assert growth(*[2.0] * 19, 99) is None
    assert growth(*[2.0] * 20, 99) == 1.0
    assert growth(*[0.0] * 20, 99) is None
    assert growth(*[2.0] * 19, np.inf, 99) is None


def test_a_second_moment_lags_for_three_samples_or_by_far() -> None:
    def found(*value: float) -> tuple[float | None, float | None] | None:
        said = optimizer.detect_second_moment(trace_of(second_moment_mismatch__a=list(value)), Facts())
        return (said[0].first_step, said[0].last_step) if said else None

    assert found(99, 1, 1, 1, 1) is None  # the first has nothing before it
    assert found(99, 6, 6, 6, 1) == (2, 4)
    assert found(1, 5, 6, 6, 1) is None
    assert found(1, 6, 6, 1, 6) is None
    assert found(1, 1, 1, 20, 1) == (4, 4)
    assert found(1, 1, 1, 19.9, 1) is None
    assert found(1, 6, 7, 6, 1, 8, 6, 6) == (6, 8)


def ratio(value: Values, weight: Values | None = None, *, parameters: int = 100) -> tuple[float, float | None] | None:
    more = {} if weight is None else {"weight_norm__b": weight}
    trace = trace_of(update_ratio__a=[1.0, *[0.01] * 9], update_ratio__b=value, **more)
    found = optimizer.detect_update_ratio(
        trace, Facts(layers=(Layer("b", parameters=parameters),) if parameters else ())
    )
    return (found[0].evidence["ratio"], found[0].last_step) if found else None


def test_updates_are_large_from_a_tenth_on_and_small_below_a_ten_millionth() -> None:
    assert ratio([0.1] * 10) is None
    assert ratio(parts((2, 0.0), (8, 0.2))) == (0.2, 10)  # behind a fifth of the run
    assert ratio(parts((2, 9.0), (4, 0.1), (4, 0.2))) == (pytest.approx(0.15), 10)
    assert ratio([1e-7] * 10) is None
    assert ratio([0.9e-7] * 10) == (0.9e-7, 10)
    assert ratio([0.0] * 10) is None


@pytest.mark.parametrize(
    ("first", "start", "end", "parameters", "is_told"),
    [
        (0.5, 1.0, 9.0, 100, False), (0.51, 1.0, 9.0, 100, True), (0.51, 1.0, 5.0, 100, False),
        (0.51, 1.0, 5.1, 100, True), (0.51, 0.02, 9.0, 100, True), (0.51, 0.0199, 9.0, 100, False),
        (0.51, 0.002, 9.0, 0, True), (0.51, 0.0019, 9.0, 0, False),
    ],
)  # fmt: skip
def test_a_first_update_blew_up_weights_that_were_there(
    first: float, start: float, end: float, parameters: int, is_told: bool
) -> None:
    weight = [start, np.nan, end, *[1.0] * 7]
    assert ratio([first, *[0.01] * 9], weight, parameters=parameters) == ((first, 1) if is_told else None)


def test_a_gap_is_held_against_the_line_through_ten_losses() -> None:
    def found(first: int, **wild: float) -> Finding:
        loss = np.exp(0.01 * np.arange(30))
        for name, value in wild.items():
            loss[int(name.removeprefix("at_"))] = value
        validation = Series(np.array([first, 28, 30]), np.exp([1.0, 0.8, 0.8]))
        series = {"loss": Series(np.arange(1, 31), loss), "validation_loss": validation}
        return evaluation.detect_validation_gap(Trace(series), Facts())[0]

    assert found(20).evidence["log_gap_first"] == pytest.approx(1 - 0.19)
    assert found(20).evidence["noise"] == pytest.approx(0)
    assert found(20).evidence["log_gap_last"] == pytest.approx(0.8 - 0.29)
    assert found(20, at_9=2.0).evidence["log_gap_first"] == pytest.approx(1 - 0.19)  # the eleventh
    assert found(20, at_10=2.0).evidence["log_gap_first"] == pytest.approx(1 - 0.17)  # no lower than the last three
    assert found(2).evidence["log_gap_first"] == pytest.approx(1 - 0.02)  # five at least, and no line
    assert found(7).evidence["log_gap_first"] == pytest.approx(1 - 0.06)


def test_a_gap_has_to_be_six_times_the_noise_and_a_few_points_tell_none() -> None:
    def found(gap: float, points: int = 12, evaluations: int = 2) -> bool:
        loss = np.exp(0.1 * (-1.0) ** np.arange(points))  # a standard deviation of 0.148
        validation = Series(np.array([points - 1, points])[:evaluations], np.exp([gap, gap])[:evaluations])
        trace = Trace({"loss": Series(np.arange(1, points + 1), loss), "validation_loss": validation})
        return told(evaluation.detect_validation_gap(trace, Facts()))

    assert [found(gap) for gap in (0.88, 0.9)] == [False, True]
    assert [found(1.5, points) for points in (7, 8)] == [False, True]
    assert not found(1.5, evaluations=1)
    below = {"loss": Series(np.arange(9), np.arange(9.0)), "validation_loss": Series(np.arange(2), np.full(2, 9.0))}
    assert not evaluation.detect_validation_gap(Trace(below), Facts())


def test_a_layer_fades_beside_two_others_in_all_or_at_first() -> None:
    def found(*layers: list[float]) -> tuple[str | None, float] | None:
        trace = trace_of(**{f"gradient_norm__{name}": value for name, value in zip("abc", layers, strict=False)})
        said = activations.detect_vanishing(trace, Facts())
        return (said[0].signal, said[0].evidence["share_of_largest"]) if said else None

    one, faded = [1.0] * 4, [1e-4] * 4
    assert found(one, faded) is None
    assert found(one, faded, [2e-4] * 4) == ("gradient_norm/b", 1e-4)
    assert found(one, [1e-4, 1.0, 1.0, 1.0], [2.0] * 4) == ("gradient_norm/b", 0.5e-4)
    assert found(one, [0.0] * 4, one) is None
    assert found(one, [1.0, 1e-4, 1.0, 1.0], one) is None


def turned(value: Values, loss: Values | None = None, **more: Values) -> list[Finding]:
    loss = np.geomspace(5, 1, len(value)) if loss is None else loss
    return evaluation.detect_over_fitting(trace_of(validation_loss=value, loss=loss, **more), Facts())


def test_a_loss_turned_up_by_the_last_third_of_what_is_behind_its_best() -> None:
    logs = np.array([0.5, 0.2, 0.0, *[0.3] * 6, 0.3, 0.4, 0.5])
    (found,) = turned(np.exp(logs))
    assert found.evidence["log_rise"] == pytest.approx(0.4)
    assert found.evidence["best"] == 1.0
    assert [told(turned(value)) for value in ([1, 2, 2, 2], [1, 2, 2, 2, 2])] == [False, True]
    assert [told(turned([top, 3, 2, *[3] * 6])) for top in (12, 12.1)] == [True, False]  # a tenth of the descent
    assert not turned([3, 2.4, 2, 2.5, 2, *[2.5] * 4])  # as good once more
    assert not turned([3, 2.4, 2, *[3] * 3, *[2.9] * 6])  # it goes back
    # Between neighbours 0.1: second differences of 0.4, so a noise of 0.242
    noisy = 0.1 * (-1.0) ** np.arange(12)
    assert [told(turned(np.exp(noisy + np.r_[1.0, 0.5, 0.5, 0.0, *[rise] * 8]))) for rise in (0.8, 1.2)] == [
        False,
        True,
    ]


def test_what_the_training_loss_did_meanwhile() -> None:
    rises = [3, 2.4, 2, *[3] * 6]

    def with_training(fall: float) -> list[Finding]:
        return turned(rises, np.exp([0.0] * 4 + [-fall] * 5))

    kinds = [(one.kind, one.severity) for fall in (-0.06, -0.04, 0.0, 0.01) for one in with_training(fall)]
    assert kinds == [("validation-rises", "note"), ("validation-rises", "warning"), ("over-fitting", "warning")]
    (still,) = with_training(0.0)
    assert (still.severity, still.confidence) == ("warning", 0.6)
    assert str(still.sentence).endswith("while the training loss stood")
    (fell,) = with_training(0.01)
    assert (fell.severity, fell.confidence) == ("warning", 0.95)
    assert str(fell.sentence).endswith("has risen by about 1 since, while the training loss fell")
    for fall, causes in ((2.2, ("tokenizer-mismatch", "data-size")), (2.4, ("data-size", "unknown-tokens"))):
        (found,) = turned([2, *[3] * 8], np.exp([0.0] * 2 + [-fall] * 7))
        assert found.candidate_causes[:2] == causes
    assert with_training(2.2)[0].candidate_causes == ("data-size", "unknown-tokens")


def test_of_classes_the_seen_one_tells_whether_it_turned_up() -> None:
    (found,) = turned([3, 2.4, 2, *[2] * 6], validation_loss__seen=[3, 2.4, 2, *[3] * 6])
    assert (found.signal, found.evidence["split_by_class"], len(found.alternatives)) == (
        "validation_loss/seen",
        True,
        1,
    )
    (found,) = turned([3, 2.4, 2, *[3] * 6])
    assert (found.signal, found.evidence["split_by_class"], len(found.alternatives)) == ("validation_loss", False, 2)


def test_what_unknown_words_cost_is_told_from_the_last_evaluation() -> None:
    def found(gap: float, points: int = 40, recent: int = 2, counted: float = 100.0) -> list[Finding]:
        return evaluation.detect_over_fitting(
            trace_of(
                loss=[*[9.0] * (points - recent), *[2.0] * recent], validation_loss=[9.0, 2.0 + gap],
                validation_loss__unknown=[1.0, 4.0], validation_loss__seen=[2.0, 2.0],
                validation_count=[1.0, counted], validation_count__unknown=[1.0, counted / 8],
            ),
            Facts(),
        )  # fmt: skip

    (told_of,) = found(0.5)  # an eighth of two nats is half of it
    assert told_of.evidence == {
        "gap": 0.5, "of_unknown": 0.25, "share_of_targets": 0.125, "unknown_loss": 4.0, "seen_loss": 2.0,
    }  # fmt: skip
    assert (told_of.first_step, told_of.last_step) == (1, 2)
    assert not found(0.51)
    assert [told(found(0.5, points, recent)) for points, recent in ((59, 2), (60, 3), (60, 1), (19, 1))] == [
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("detect", "statistic", "usual", "bad", "worst"),
    [
        (activations.detect_idle_units, "activation_zero", 0.1, 0.85, 0.95),
        (activations.detect_idle_units, "gate_saturation", 0.1, 0.85, 0.95),
        (optimizer.detect_update_ratio, "update_ratio", 1e-3, 0.2, 0.4),
        (optimizer.detect_update_ratio, "update_ratio", 1e-3, 5e-8, 2e-8),
        (activations.detect_vanishing, "gradient_norm", 1.0, 2e-4, 1e-4),
        (activations.detect_vanishing, "activation_rms", 1.0, 8e-4, 1e-4),
        (optimizer.detect_second_moment, "second_moment_mismatch", 1.0, 6.0, 9.0),
    ],
)
def test_of_several_layers_the_worst_is_told(
    detect: Callable[[Trace, Facts], list[Finding]], statistic: str, usual: float, bad: float, worst: float
) -> None:
    for order in ((usual, bad, worst, bad), (bad, worst, usual, usual), (worst, bad, bad, usual)):
        layers = {f"{statistic}__{name}": [level] * 10 for name, level in zip("abcd", order, strict=True)}
        (found,) = detect(trace_of(**layers), Facts())
        assert found.signal == f"{statistic}/{'abcd'[order.index(worst)]}"
        assert found.evidence["layers"] == [name for name, level in zip("abcd", order, strict=True) if level != usual]


def test_of_several_signals_that_grow_the_one_that_grew_most_is_told() -> None:
    low, high = parts((4, 3.0), (36, 60.0)), parts((4, 1.0), (36, 40.0))
    for context, layer in ((low, high), (high, low)):
        (found,) = activations.detect_growth(trace_of(context_norm=context, activation_rms__a=layer), Facts())
        assert found.signal == ("context_norm" if context is high else "activation_rms/a")
        assert (found.evidence["signals"], found.evidence["last"]) == (["activation_rms/a", "context_norm"], 40.0)


def dips(*of: tuple[int, float], name: str = "loss", noise: float = 0.0) -> list[float | None]:
    value = np.array(parts(*of)) * np.exp(noise * np.cos(7 * np.arange(sum(points for points, _ in of))))
    return [one.first_step for one in spikes.detect_drops(trace_of(**{name: value}), Facts())]


def test_a_loss_drops_by_three_tenths_of_its_logarithm_at_three_places() -> None:
    small, large = 4 * np.exp(-0.29), 4 * np.exp(-0.31)
    assert dips((50, 4.0), (5, small), (50, 4.0)) == []
    assert dips((50, 4.0), (5, large), (50, 4.0)) == [51]
    assert dips((50, 4.0), (5, large), (50, 4.0), name="validation_loss") == []


@pytest.mark.parametrize(
    ("levels", "told_at"),
    [((2.0, 2.0), [206, 409]), ((3.1, 2.0), [409]), ((2.0,) * 3, [206, 409, 612]), ((2.0,) * 4, [])],
)
def test_of_more_than_three_drops_none_is_told(levels: tuple[float, ...], told_at: list[float]) -> None:
    uneven = [part for level in levels for part in ((200, 4.0), (3, level))]
    assert dips((5, 4.1), *uneven, (200, 4.0), noise=0.01) == told_at


@pytest.mark.parametrize(
    ("way", "kept", "kinds"),
    [
        (8, 2.0, ["diverged"]),
        (3, 2.0, ["loss-drop"]),  # at once: easy batches
        (8, 1.2, []),  # something is known since
    ],
)
def test_what_was_learnt_little_by_little_and_lost_is_no_easy_batch(way: int, kept: float, kinds: list[str]) -> None:
    began = np.full(20, kept) if kept < 2 else np.linspace(2.05, 1.9, 20)
    value = np.r_[[2.0] * 5, began, np.geomspace(kept, 0.15, way), [0.4, 1.0], np.full(365, kept)]
    noise = np.exp(0.01 * np.random.default_rng(0).standard_normal(len(value)))
    found = spikes.detect_drops(trace_of(loss=value * noise), Facts())
    assert [one.kind for one in found] == kinds
    if kinds == ["diverged"]:
        assert "what was learnt is lost" in str(found[0].sentence)
        assert found[0].evidence["base"] == pytest.approx(0.15, rel=0.05)
        (spike,) = spikes_of(found, trace_of(loss=value * noise))  # a replay can take it up
        assert (spike.base, spike.end) == (found[0].evidence["base"], None)
        assert spike.height > 1.5


def test_what_falls_back_from_above_the_first_five_points_is_no_drop() -> None:
    for low, told_at in ((2, [51]), (3, [])):
        first = ((5 - low, 4.1), (low, 4.0), (1, 4.0))
        assert dips(*first, (44, 4.05), (5, 2.0), (50, 4.05)) == told_at


def rates(*of: np.ndarray | list[float]) -> list[float | None]:
    return [one.first_step for one in jumps.detect_rate_jump(trace_of(learning_rate=np.concatenate(of)), Facts())]


def test_a_schedule_falls_back_to_its_start_by_three_tenths_and_not_from_its_low() -> None:
    assert [rates([first, 0.8, 0.9, *[1.0] * 17] * 2) for first in (0.7, 0.69)] == [[], [21]]
    warm = [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, *[0.95] * 12]
    assert [rates([*warm, last] * 2) for last in (0.1, 0.142, 0.143, 0.2)] == [[], [], [21], [21]]


@pytest.mark.parametrize(("gaps", "at"), [((10, 12), []), ((10, 13), [21]), ((12, 10), []), ((10,), [21])])
def test_jumps_are_planned_at_distances_that_differ_by_a_fifth(gaps: tuple[int, ...], at: list[float]) -> None:
    assert rates(*(np.linspace(1, 0.5, points) for points in (20, *gaps, 20))) == at


def test_a_loss_climbs_over_six_points_of_twelve_unless_the_rate_started_again_at_its_best() -> None:
    def climbs(falls: int, rises: int, **more: Values) -> bool:
        logs = np.r_[0.05 * np.arange(falls, 0, -1), 0.03 * np.arange(rises)]
        return told(trend.detect_slow_divergence(trace_of(loss=np.exp(logs), **more), Facts()))

    assert [climbs(11, rises) for rises in (5, 6)] == [False, True]
    assert [climbs(falls, 6) for falls in (5, 6)] == [False, True]
    rates = [[*np.linspace(1, 0.1, at), *[1.0] * (17 - at)] for at in (10, 11, 12)]
    assert [climbs(11, 6, learning_rate=one) for one in rates] == [True, False, False]
    assert climbs(11, 6, learning_rate=np.linspace(1, 0, 17))  # it only falls


def test_the_fall_of_the_training_loss_is_measured_at_its_very_end() -> None:
    loss = np.array([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 3.0, 3.0, 3.0, 1.0])
    fell = evaluation.training_fell(Trace({"loss": Series(np.arange(10), loss)}), 2)
    assert fell == pytest.approx(np.log(6.5))  # of 10 points one is a twentieth: 6.5 is between the points at 1 and 2


def test_a_table_of_trials_without_a_loss_or_steps_is_no_schedule() -> None:
    trace = trace_of(learning_rate=parts((20, 1e-3), (20, 1e-2)))
    assert jumps.detect_rate_jump(trace, Facts())
    table = replace(trace, remarks=(note("remark-no-steps"),))
    assert not jumps.detect_rate_jump(table, Facts())
    assert jumps.detect_rate_jump(
        replace(table, signals=table.signals | {"loss": table.series("learning_rate")}), Facts()
    )


@pytest.mark.parametrize(("begins", "is_found"), [(0, True), (98, True), (99, False)])
def test_the_log_of_a_resumed_training_shows_no_plateau(begins: int, is_found: bool) -> None:
    loss = Series(begins + np.arange(1, 101), 3.0 + 0.002 * np.sin(np.arange(100)))
    assert bool(trend.detect_plateau(Trace({"loss": loss}), Facts())) is is_found


def test_an_attention_has_collapsed_from_where_its_entropy_stays_below_half_of_its_start() -> None:
    steps = np.arange(0, 200, 10)
    entropy = np.where(steps < 80, 2.0, np.where(steps < 100, 1.01, 0.01))
    (found,) = activations.detect_attention_collapse(Trace({"attention_entropy/b": Series(steps, entropy)}), Facts())
    assert found.first_step == 100
