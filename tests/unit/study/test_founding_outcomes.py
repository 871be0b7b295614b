"""From records to rows, effects and decisions, on records that are made up."""

import math
from typing import Any

import pytest
from studies.founding import STUDY, verdicts
from studies.founding.arms import CONTEXT_RUNS, REMEDIES
from studies.founding.effects import effect
from studies.founding.outcomes import outcomes

from newllm.statistics import trailing_median
from newllm.study import decide
from newllm.study.outcomes import equal_progress, numbers

TOKENS = {"unknown": 16, "end": 6, "seen": 13}


def record(probe: list[Any], validation: list[Any] | None = None) -> dict[str, Any]:
    """A record with these losses; the validation's unknown words carry all of its changes. None is not finite."""
    validation = validation or probe
    epochs = len(probe)
    first = validation[0]
    unknown = [None if loss is None else 35 / 16 * (loss - first) + first for loss in validation]
    rest = [validation[0]] * epochs
    return {
        "epoch": list(range(epochs)),
        "diverged": None,
        "train": {
            "loss": [None, *probe[1:]],
            "gradient": [None, *([0.5] * (epochs - 1))],
            "layer_update": [None, *([{"a": 1e-3}] * (epochs - 1))],
            "layer_gradient": [None, *([{"a": 0.5}] * (epochs - 1))],
        },
        "probe": {
            "loss": probe,
            "activation": [{"a": 1.0}] * epochs,
            "context_norm": [[0.5, 1.0 + epoch] for epoch in range(epochs)],
        },
        "validation": {
            "loss": validation,
            "unknown": unknown,
            "end": rest,
            "seen": rest,
            **{f"{name}_tokens": [count] * epochs for name, count in TOKENS.items()},
            "correct": [0, *([6] * (epochs - 1))],
            "end_correct": [0, *([6] * (epochs - 1))],
        },
        "lyapunov": [0.0] * epochs,
    }


def falling(epochs: int, rate: float = 0.1) -> list[float]:
    return [6.9 - rate * epoch for epoch in range(epochs)]


def spiking(epochs: int, onset: int, height: float = 2.0, rate: float = 0.1) -> list[float]:
    loss = falling(epochs, rate)
    loss[onset] += height
    return loss


def test_a_spike_is_told_with_onset_height_and_recovery_and_what_carries_it() -> None:
    row = outcomes(record(falling(50), validation=spiking(50, 19)), None)
    assert (row["validation_spiked"], row["validation_onset"], row["validation_recovery"]) == (True, 19, 1)
    assert row["validation_height"] == pytest.approx(1.9)
    assert row["peak_share_unknown"] == pytest.approx(1.0)
    assert row["peak_share_end"] == row["peak_share_seen"] == 0
    assert row["probe_spiked"] is False
    assert (row["usual_correct"], row["targets"], row["correct_that_are_end"]) == (6, 35, 1.0)


def test_equal_progress_is_where_an_arm_is_as_far_as_its_control_at_its_end() -> None:
    control = record(falling(50))
    slow = record(falling(200, rate=0.05))
    assert equal_progress(control, None) == 49
    assert equal_progress(slow, control) == 96  # the median over five epochs lags by two
    assert equal_progress(record(falling(60, rate=0.01)), control) is None


def test_what_a_run_came_to_is_told_of_its_best_and_of_its_end() -> None:
    validation = [*falling(8), 6.5, 6.3]
    row = outcomes(record(falling(10, 0.2), validation), None)
    assert (row["epochs"], row["reached"], row["best_epoch"]) == (9, 9, 7)
    assert [row[name] for name in ("best_validation", "last_validation", "last_train")] == pytest.approx(
        [6.2, 6.3, 5.1]
    )
    told = ("lowest_probe", "lowest_probe_after_best", "probe_at_best", "last_probe", "gap_at_end")
    assert [row[name] for name in told] == pytest.approx([5.1, 5.1, 5.5, 5.1, 1.2])
    rising = outcomes(record([6.9, 6.0, 6.5, 6.4], [6.9, 6.8, 6.7, 6.8]), None)
    assert [rising[name] for name in told[:3]] == [6.0, 6.4, 6.5]


def test_an_arm_that_never_is_as_far_is_asked_to_its_own_end() -> None:
    control = record(falling(50))
    row = outcomes(record(spiking(40, 39, rate=0.01)), control)
    assert row["reached"] is None
    assert row["probe_spiked_by_equal_progress"] is True
    late = outcomes(record(spiking(60, 59)), control)
    assert (late["reached"], late["probe_spiked"], late["probe_spiked_by_equal_progress"]) == (49, True, False)


def test_a_remedy_that_only_delays_is_told_from_one_that_removes() -> None:
    control = record(spiking(50, 19))
    delayed = outcomes(record(spiking(200, 60, rate=0.05)), control)
    assert delayed["probe_spiked_by_equal_progress"] is True
    later = outcomes(record(spiking(200, 150, rate=0.05)), control)
    assert later["probe_spiked"] is True
    assert later["probe_spiked_by_equal_progress"] is False
    rows = {
        name: [{**outcomes(made, control), "seed": seed, "data": f"set {seed % 6}"} for seed in range(10)]
        for name, made in {
            "control": control,
            "delays": record(spiking(200, 60, rate=0.05)),
            "removes": record(falling(200, rate=0.05)),
            "keeps": record(spiking(50, 20)),
            "hastens": record(spiking(50, 10)),
            "too slow": record(falling(60, rate=0.01)),
        }.items()
    }
    for name in ("delays", "removes", "keeps", "hastens", "too slow"):
        assert effect(rows[name], rows["control"]).kind == name
    higher = [{**outcomes(record(spiking(50, 19, 4.0)), control), "seed": s, "data": f"set {s % 3}"} for s in range(10)]
    height = effect(higher, rows["control"]).height
    assert height is not None
    assert height.estimate == pytest.approx(3.9 / 1.9)


def test_a_run_that_diverged_has_finite_outcomes() -> None:
    broken = record(falling(20))
    for part in ("probe", "validation"):
        broken[part]["loss"] = [*broken[part]["loss"][:19], None]
    broken["diverged"] = 19
    row = outcomes(broken, record(falling(50)))
    assert row["probe_height"] == pytest.approx(100 - 5.1)
    assert all(not isinstance(value, float) or math.isfinite(value) for value in row.values())


def test_the_smoothing_is_a_trailing_median_of_five() -> None:
    assert trailing_median(numbers([5.0, 1.0, 9.0, 2.0, 3.0, None])).tolist() == [5.0, 3.0, 5.0, 3.5, 3.0, 3.0]


def made_rows(**arms: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Ten rows an arm; a value that is a list is one a seed."""
    return {
        arm: [
            {"seed": s, "data": f"set {s % 6}", **{k: v[s] if isinstance(v, list) else v for k, v in values.items()}}
            for s in range(10)
        ]
        for arm, values in arms.items()
    }


def test_a_context_that_is_not_needed_is_not_the_cause() -> None:
    spikes, calm = {verdicts.PROBE_SPIKED: True, "context_norm_at_onset": 9.0}, {verdicts.PROBE_SPIKED: False}
    without = verdicts.context_overflows(made_rows(**{"baseline": spikes, "zero-context": spikes}))
    assert (without.verdict, without.otherwise) == ("does not hold", "does not hold")
    needed = verdicts.context_overflows(made_rows(**{"baseline": spikes, "zero-context": calm}))
    assert needed.verdict == "holds"
    assert needed.p == pytest.approx(2 / 1024)


def test_the_window_of_onsets_decides_claim_1() -> None:
    def runs(onset: list[float | None]) -> dict[str, Any]:
        return {"validation_onset": onset, "validation_spiked": [value is not None for value in onset]}

    everywhere = dict.fromkeys(CONTEXT_RUNS, runs([19.0] * 10))
    assert verdicts.every_run_spikes(made_rows(**everywhere)).verdict == "holds"
    nowhere = dict.fromkeys(CONTEXT_RUNS, runs([None] * 10))
    assert verdicts.every_run_spikes(made_rows(**nowhere)).verdict == "does not hold"
    early = {**everywhere, "experiment2": runs([10.0] * 10), "experiment3": runs([10.0] * 10)}
    assert verdicts.every_run_spikes(made_rows(**early)).verdict == "holds in part"


def test_rises_of_a_half_are_not_two_to_nine_times() -> None:
    runs = {
        arm: {"validation_spiked": True, "validation_jump": [1.5 + 0.01 * s for s in range(10)]} for arm in CONTEXT_RUNS
    }
    assert verdicts.two_to_nine_times(made_rows(**runs)).verdict == "does not hold"
    runs = {
        arm: {"validation_spiked": True, "validation_jump": [4.0 + 0.01 * s for s in range(10)]} for arm in CONTEXT_RUNS
    }
    assert verdicts.two_to_nine_times(made_rows(**runs)).verdict == "holds"


def test_every_claim_names_arms_of_the_study_and_a_measure() -> None:
    names = {arm.name for arm in STUDY.arms}
    assert len(names) == len(STUDY.arms)
    assert len({claim.id for claim in STUDY.claims}) == 14
    for claim in STUDY.claims:
        assert set(claim.arms) <= names
        assert claim.measure
    assert {arm.control for arm in STUDY.arms} - {""} <= names
    assert set(STUDY.quick) <= names


def test_a_validation_that_still_spikes_is_told_from_a_spike_that_is_gone() -> None:
    control = record(spiking(50, 19))
    made = record(falling(60), validation=spiking(60, 19))
    rows = [{**outcomes(made, control), "seed": seed, "data": f"set {seed % 6}"} for seed in range(10)]
    base = [{**outcomes(control, None), "seed": seed, "data": f"set {seed % 6}"} for seed in range(10)]
    assert effect(rows, base).kind == "removes on the probe"
    assert effect(rows[:5], base).kind == "unclear"


def test_a_control_that_ends_in_a_spike_is_not_overtaken_at_once() -> None:
    control = record([*falling(47), 15.0, 12.0, 9.0])
    reached = equal_progress(record(falling(60)), control)
    assert reached is not None
    assert reached > 40


def gradients(baseline: list[Any], experiment2: list[Any]) -> dict[str, list[dict[str, Any]]]:
    return made_rows(baseline={"gradient_highest": baseline}, experiment2={"gradient_highest": experiment2})


def test_claim_6_has_two_halves() -> None:
    more = [40.0 + 10 * seed for seed in range(10)]
    both = verdicts.gradients_explode(gradients([30.0 + seed for seed in range(10)], more))
    assert (both.verdict, both.otherwise) == ("holds", "holds in part")
    small = verdicts.gradients_explode(gradients([0.3] * 10, [0.4 + 0.01 * seed for seed in range(10)]))
    assert small.verdict == "does not hold"
    assert verdicts.gradients_explode(gradients([30.0] * 5 + [None] * 5, more)).verdict == "undecided"


@pytest.mark.parametrize(("share", "verdict"), [(0.9, "does not hold"), (0.1, "holds"), (None, "undecided")])
def test_what_unknown_words_carry_decides_claims_8_and_9(share: float | None, verdict: str) -> None:
    values = None if share is None else [share + 0.001 * seed for seed in range(10)]
    known = {"gap_at_end": 0.4}
    base = {
        **dict.fromkeys(("gap_share_unknown", "peak_share_unknown"), values),
        "gap_at_end": 6.0,
        "unknown_share": 0.46,
        "peak_share_end": 0.0,
        "peak_share_seen": 0.1,
    }
    rows = made_rows(**{"baseline": base, "validation-known": known})
    assert verdicts.gap_is_over_fitting(rows).verdict == verdict
    assert verdicts.totally_confused(rows).verdict == verdict


@pytest.mark.parametrize(("reached", "verdict"), [(30, "does not hold"), (None, "holds")])
def test_a_residual_fnn_decides_claim_14(reached: int | None, verdict: str) -> None:
    rows = made_rows(**{arm: {"reached": reached, verdicts.PROBE_SPIKED: False} for arm in ("residual", "gate")})
    assert verdicts.norm_or_gate_indispensable(rows).verdict == verdict


def test_remedies_that_never_help_do_not_and_all_that_do_hold() -> None:
    spikes, calm = ({"reached": 40, verdicts.PROBE_SPIKED: value} for value in (True, False))
    never = verdicts.remedies_help(made_rows(**{"baseline": spikes, **dict.fromkeys(REMEDIES, spikes)}))
    assert (never.verdict, never.otherwise) == ("does not hold", "does not hold")
    always = verdicts.remedies_help(made_rows(**{"baseline": spikes, **dict.fromkeys(REMEDIES, calm)}))
    assert always.verdict == "holds"
    one = verdicts.remedies_help(made_rows(**{"baseline": spikes, **dict.fromkeys(REMEDIES, spikes), "gate": calm}))
    assert one.verdict == "holds in part"


def test_no_claim_fails_where_nothing_spikes_or_everything_diverged() -> None:
    for made in (record(falling(50)), {**record([*falling(20), None]), "diverged": 20}):
        row = outcomes(made, made)
        rows = [{"arm": arm.name, "seed": s, "data": f"set {s % 6}", **row} for arm in STUDY.arms for s in range(10)]
        for claim in decide(STUDY, rows):
            assert "error" not in claim["numbers"], claim


def growing(onset: int | None, epochs: int = 30) -> dict[str, Any]:
    """A run whose signals all grow with the epoch, with a probe spike or without."""
    made = record(falling(epochs) if onset is None else spiking(epochs, onset))
    made["train"]["gradient"] = [None, *(0.5 * epoch for epoch in range(1, epochs))]
    made["train"]["layer_update"] = [None, *({"a": e, "b": 3.0 * e, "c": None, "d": 2.0 * e} for e in range(1, epochs))]
    made["train"]["layer_gradient"] = [None, *({"a": 1.0 + e, "b": 1.0 + e**2, "c": 0.0} for e in range(1, epochs))]
    made["probe"]["activation"] = [{"a": 1.0 + e, "b": 0.0, "c": 1.0} for e in range(epochs)]
    made["lyapunov"] = [epoch / 8 for epoch in range(epochs)]
    return made


@pytest.mark.parametrize(
    ("onset", "before", "at"),
    [
        (20, range(10, 18), 20),
        (4, range(1, 2), 4),
        (3, range(1, 2), 3),
        (12, range(2, 10), 12),
        (None, range(19, 27), 29),
    ],
)
def test_the_mechanism_before_a_spike_and_at_it(onset: int | None, before: range, at: int) -> None:
    """Before it are the ten epochs up to the onset, but for its last two; without a spike up to the end."""
    row, mean, since = outcomes(growing(onset), None), sum(before) / len(before), max(0, at - 10)
    expected = {
        "probe_onset": onset,
        "context_norm_before": 1 + mean, "context_norm_at_onset": 1 + at, "context_norm_at_end": 30.0,
        "context_norm_highest": 30.0, "lyapunov_at_onset": at / 8, "lyapunov_highest": 29 / 8,
        "gradient_before": mean / 2, "gradient_at_onset": at / 2, "gradient_highest": 14.5,
        "update_before": 2 * mean, "update_at_onset": 2.0 * at,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["activation_growth"] == pytest.approx((1 + at) / (1 + since))
    assert row["first_layer_to_grow"] == "b"
    assert row["update_context_correlation"] == (None if at < 5 else pytest.approx(1.0))


def test_a_correlation_needs_five_epochs_and_something_that_changes() -> None:
    assert outcomes(growing(5), None)["update_context_correlation"] == pytest.approx(1.0)
    flat = growing(20)
    flat["train"]["layer_update"] = [None, *([{"a": 1.0}] * 29)]
    assert outcomes(flat, None)["update_context_correlation"] is None
    falls = growing(20)
    falls["probe"]["context_norm"] = [[1.0, 40.0 - epoch] for epoch in range(30)]
    assert outcomes(falls, None)["update_context_correlation"] == pytest.approx(-1.0)


def test_what_was_not_measured_is_none() -> None:
    bare = growing(20)
    bare["probe"]["context_norm"] = [None] * 30
    bare["lyapunov"] = [None] * 30
    bare["train"]["layer_gradient"] = [None] * 30
    bare["probe"]["activation"] = [{"a": 0.0}] * 30
    row = outcomes(bare, None)
    names = (
        "context_norm_before", "context_norm_at_onset", "context_norm_highest", "lyapunov_at_onset", "lyapunov_highest",
        "update_context_correlation", "activation_growth", "first_layer_to_grow",
    )  # fmt: skip
    assert {name: row[name] for name in names} == dict.fromkeys(names)


def test_each_token_class_carries_its_part_of_a_peak() -> None:
    made = record(falling(30), validation=spiking(30, 19, 4.0))
    made["validation"] |= {"end": [2.0] * 30, "seen": [3.0] * 30}
    made["validation"]["end"][19], made["validation"]["seen"][19] = 9.0, 3.5
    made["validation"]["end"][18] = 1.0  # the best before the onset
    row = outcomes(made, None)
    height = made["validation"]["loss"][19] - made["validation"]["loss"][18]
    assert row["peak_share_end"] == pytest.approx(6 / 35 * 8 / height)
    assert row["peak_share_seen"] == pytest.approx(13 / 35 * 0.5 / height)
    made["validation"]["end_tokens"] = [0] * 30
    assert outcomes(made, None)["peak_share_end"] == 0.0
    assert outcomes({**made, "diverged": 29}, None)["peak_share_seen"] is None


def test_what_unknown_words_carry_of_the_gap_at_the_end() -> None:
    made = record([5.0, 2.0, 1.0], [5.0, 4.0, 3.0])
    made["validation"] |= {"unknown": [5.0, 4.0, 4.5], "end": [1.0, 1.0, 0.25], "seen": [2.0, 2.0, 1.75]}
    row = outcomes(made, None)
    assert [row[f"last_{name}"] for name in TOKENS] == [4.5, 0.25, 1.75]
    assert row["unknown_share"] == 16 / 35
    assert row["gap_share_unknown"] == pytest.approx(16 / 35 * (4.5 - 1.0) / (3.0 - 1.0))
    assert outcomes({**made, "diverged": 2}, None)["gap_share_unknown"] is None
    no_gap = record([5.0, 4.0, 3.0], [5.0, 4.0, 3.0])
    assert outcomes(no_gap, None)["gap_share_unknown"] is None
    made["validation"]["unknown_tokens"] = [0] * 3
    assert outcomes(made, None)["gap_share_unknown"] is None


def test_the_accuracy_is_the_usual_count_and_how_many_of_them_were_ends() -> None:
    made = record(falling(4))
    made["validation"] |= {"correct": [9, 6, 6, 7], "end_correct": [9, 6, 4, 0]}
    row = outcomes(made, None)
    assert (row["usual_correct"], row["targets"]) == (6, 35)
    assert (row["usual_correct_share"], row["correct_that_are_end"]) == (pytest.approx(2 / 3), pytest.approx(10 / 19))
    made["validation"] |= {"correct": [0] * 4, "end_correct": [0] * 4}
    assert outcomes(made, None)["correct_that_are_end"] is None
