"""What the model is given and asked: found where it is planted, and not in a sound training that looks alike."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.unit.diagnosis.cases import known, other, seen_of

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer, Singular
from newllm.messages import catalogue
from newllm.trace import Finding, Series, Trace

STEPS = 200
STEP = np.arange(1, STEPS + 1)
SAMPLED = np.arange(10, STEPS + 1, 10)
EVALUATED = np.array([50, 100, 150, 200])


def sound(epoch: int = 50) -> dict[str, Series]:
    """A classifier of five classes, with epochs of so many updates, that learns."""
    draw = np.random.default_rng(0)
    falls = 1.6 * np.exp(-STEP / 60)
    level = 0.02 * draw.normal(size=(6, STEPS))
    signals: dict[str, np.ndarray] = {
        "loss": (falls + 0.1) * np.exp(level[0]),
        "gradient_norm": np.exp(10 * level[1]),
        "learning_rate": np.full(STEPS, 1e-3),
        "input_mean": level[2],
        "input_std": 1 + level[3],
        "rows_seen": (epoch <= np.arange(STEPS)).astype(float),
        **dict.fromkeys(("cross_entropy", "targets_used", "loss_multiple"), np.ones(len(SAMPLED))),
        **dict.fromkeys(("targets", "loss_targets"), np.full(len(SAMPLED), 32.0)),
        **dict.fromkeys(("target_classes", "target_classes_seen"), np.full(len(SAMPLED), 5.0)),
        "log_z": np.ones(len(SAMPLED)),
        "target_most": np.arange(len(SAMPLED)) % 5.0,
        "target_most_share": np.full(len(SAMPLED), 0.3),
        "targets_again": np.full(len(SAMPLED), 5.0),
        "targets_changed": np.zeros(len(SAMPLED)),
        "validation_loss": 1.05 * (falls + 0.1)[EVALUATED - 1],
        "validation_input_mean": np.zeros(4),
        "validation_input_std": np.full(4, 1.01),
        "validation_rows": np.full(4, 100.0),
        "validation_rows_seen": np.zeros(4),
    }
    steps = {STEPS: STEP, len(SAMPLED): SAMPLED, len(EVALUATED): EVALUATED}
    return {name: Series(steps[len(value)], value) for name, value in signals.items()}


def found(kind: str | None = None, without: Collection[str] = (), **changed: Any) -> dict[str, Finding]:
    """Return what is found where some signals are others: arrays in place of the sound ones, or numbers."""
    signals = {name: series for name, series in sound().items() if name not in without}
    for name, value in changed.items():
        steps = signals[name].step if name in signals else SAMPLED
        if isinstance(value, Series):
            signals[name] = value
        else:
            signals[name] = Series(steps, np.broadcast_to(np.asarray(value, dtype=float), steps.shape).copy())
    findings = diagnose(Trace(signals), Facts(origin="record", kind=kind))
    return {one.kind: one for one in findings}


def alarms(**changed: Any) -> dict[str, str]:
    return {kind: one.severity for kind, one in found(**changed).items() if one.severity != "note"}


def repeats(*places: int) -> Series:
    return Series(np.array(places), np.ones(len(places)))


def test_a_sound_training_raises_no_alarm() -> None:
    assert alarms() == {}
    assert not found()


BEHIND = np.where(STEP >= 100, 4.0, 1.0)
WORSE = {"loss": np.where(STEP >= 100, 2.0, 1.6 * np.exp(-STEP / 60) + 0.1)}
APART = {"validation_loss": np.full(4, 2.0)}
NEVER_AGAIN = {"rows_seen": np.zeros(STEPS)}
SMALL_WORLD = {"rows_seen": np.minimum(1.0, STEP / 100)}
ODD = np.where(STEP == 120, 9.0, 1.0)
PEAK = {"loss": 1.6 * np.exp(-STEP / 60) + 0.1 + np.where(STEP == 120, 5.0, 0.0)}
ONCE = Series(np.array([1]), np.ones(1))
TWICE = Series(np.array([1, 10]), np.ones(2))
NEVER = Series(np.array([1]), np.zeros(1))
PLANTED: dict[str, dict[str, Any]] = {
    "repeated-batch": {"rows_repeated": repeats(*range(120, 140))},
    "trained-validation": {"validation_rows_seen": np.array([0.9, 1.0, 1.0, 1.0])},
    "evaluation-inputs": {"validation_input_std": 0.3, "validation_input_mean": 0.13, **APART},
    "changed-inputs": {"input_std": BEHIND, **WORSE},
    "outlier-batch": {"input_std": ODD, **PEAK},
    "one-class-batches": {"target_classes": 1.0, "target_most_share": 1.0},
    "changed-targets": {"targets_changed": 0.8},
    "changed-inputs alike": {"rows_equal": Series(STEP[99:], np.full(101, 0.5)), **WORSE},
    "target-shift": {"target_is_input": 0.0, "target_is_next": 0.1, "target_is_second": 1.0},
    "loss-form": {"cross_entropy": 0.0, "softmax_twice": 1.0},
    "not-causal": {"later_tokens_seen": ONCE, "target_is_next": 1.0},
    "not-causal of numbers": {"later_inputs_seen": ONCE, "target_steps_ahead": Series(SAMPLED, np.ones(20))},
    "unread-tokens": {"tokens_read": TWICE, "tokens_unread": Series(np.array([1, 10]), np.array([20.0, 19.0]))},
    "single-target": {"target_classes": 1.0, "target_classes_seen": 1.0, "target_most": 0.0, "target_most_share": 1.0},
    "padding-counted": {"targets_padding": Series(SAMPLED, np.full(20, 0.4))},
    "target-in-input": {"target_in_input": Series(SAMPLED, np.full(20, 1 - 1e-9))},
    "target-in-input of a window": {"targets_in_window": Series(SAMPLED, np.full(20, 0.25))},
    "batch-as-time": {"batch_as_time": TWICE},
    "unasked-rows": {"rows_unasked": 0.7},  # of 0.75 the one row of four may be a place
    "loss-form through": {"relu_on_logits": 1.0},
    "loss-form dropped": {"cross_entropy": 1.0, "dropout_on_logits": 1.0},
    "loss-form twice": {"sigmoid_twice": Series(SAMPLED, np.ones(20))},
    "mirrored-targets": {"targets_mirrored": 0.5, "targets_placed": 1.0},
    "renewed-optimizer": {"optimizer_replaced": Series(np.arange(41, 200, 40), np.ones(4))},
    "ignored-class": {"class_unasked": 0.0, "targets_used": 0.7},
    "lost-updates": {"weights_still": 0.5},
    "loss-multiple": {"loss_multiple": 4.0, "backwards": Series(STEP, np.full(STEPS, 4.0))},
}
ONE_BATCH = {
    "rows_repeated": repeats(*range(2, 201)),
    "rows_seen": np.minimum(STEP - 1, 1),
    "rows_distinct": Series(SAMPLED, np.full(20, 32.0)),
}
NOTHING_LEFT = {"loss": np.exp(-STEP / 10) + 1e-4, "targets_alike": 1.0, "target_level": 0.0}
LEVELS = {"targets_alike": 1.0, "target_level": np.sin(SAMPLED)}
AT_CHANCE = {"loss": np.log(32.0) * (1 + np.exp(-STEP / 5) + 0.002 * np.sin(STEP)), **NEVER_AGAIN}
PLANTED["update-in-evaluation-mode"] = {"update_in_evaluation_mode": repeats(*range(51, 201))}
NAMED = {
    "update-in-evaluation-mode": "update-in-evaluation-mode",
    "repeated-batch": "repeated-batch",
    "trained-validation": "leak",
    "evaluation-inputs": "evaluation-preparation",
    "changed-inputs": "changed-inputs",
    "changed-inputs alike": "changed-inputs",
    "outlier-batch": "corrupted-batch",
    "one-class-batches": "data-order",
    "changed-targets": "wrong-targets",
    "target-shift": "wrong-targets",
    "loss-form": "double-softmax",
    "not-causal": "target-leak",
    "not-causal of numbers": "target-leak",
    "unread-tokens": "inverted-mask",
    "single-target": "wrong-targets",
    "renewed-optimizer": "optimizer-reset",
    "ignored-class": "loss-definition",
    "lost-updates": "lost-updates",
    "loss-multiple": "accumulation-scale",
    "padding-counted": "padding-counted",
    "target-in-input": "target-leak",
    "target-in-input of a window": "target-leak",
    "batch-as-time": "batch-as-time",
    "unasked-rows": "loss-definition",
    "loss-form through": "loss-definition",
    "loss-form dropped": "loss-definition",
    "loss-form twice": "double-softmax",
    "mirrored-targets": "wrong-targets",
}


@pytest.mark.parametrize(("level", "severity"), [(1.57, "warning"), (1.5, "note")])
def test_inputs_of_evaluations_harm_where_validation_is_a_guess_and_training_is_not(
    level: float, severity: str
) -> None:
    slow = {"loss": 1.4 + 0.3 * np.exp(-STEP / 60), "validation_loss": np.full(4, level)}
    seen = found(**slow, validation_input_std=0.3)["evaluation-inputs"]  # a guess among five classes: 1.609
    assert seen.severity == severity


@pytest.mark.parametrize(
    ("share", "level", "ends", "is_said"),
    [
        (0.72, 1.6, 0.1, True),
        (0.52, 1.6, 0.1, False),  # as many as new texts of training have
        (0.72, 0.6, 0.1, False),  # learnt all the same
        (0.72, 1.6, 1.55, False),  # training is a guess too
    ],
)
def test_pairs_that_no_update_had_are_another_vocabulary(
    share: float, level: float, ends: float, is_said: bool
) -> None:
    new = Series(STEP, np.where(STEP <= 50, 0.4 + 0.6 * np.exp(-STEP / 10), 0.0))  # an epoch has 50 updates
    kinds = found(
        loss=ends + (1.6 - ends) * np.exp(-STEP / 60),
        validation_loss=np.full(4, level),
        token_pairs_new=new,
        validation_token_pairs_new=Series(EVALUATED[:3], np.full(3, share)),
    )
    assert ("evaluation-inputs" in kinds) == is_said


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_is_found_and_its_cause_is_named(kind: str) -> None:
    finding = found(**PLANTED[kind])[kind.split()[0]]
    assert finding.severity in ("warning", "fault")
    assert [cause.name for cause in finding.causes or ()] == [NAMED[kind]]
    assert catalogue("en").text(finding.sentence)
    assert catalogue("ja").text(finding.sentence)


@pytest.mark.parametrize(
    ("kind", "cause", "changed"),
    [
        ("repeated-batch", "repeated-batch", ONE_BATCH),
        ("loss-form", "loss-definition", LEVELS),
        ("single-target", "wrong-targets", NOTHING_LEFT),
        ("loss-form", "loss-definition", {"logit_min": 0.0, "cross_entropy": 1.0}),
        ("single-target", "padding-counted", PLANTED["single-target"] | {"targets": 32.0, "target_is_next": 1.0}),
        ("contrastive-at-chance", None, AT_CHANCE | {"rows_distinct": Series(SAMPLED, 32.0 * (SAMPLED // 10))}),
    ],
)
def test_what_is_planted_in_another_kind_of_training_is_found(
    kind: str, cause: str | None, changed: dict[str, Any]
) -> None:
    asked = {name for name in sound() if name.startswith(("cross", "target", "loss_", "log_z"))}
    finding = found(without=asked, **changed)[kind]
    assert finding.severity in ("warning", "fault")
    assert [one.name for one in finding.causes or ()] == ([cause] if cause else [])


SOUND: dict[str, dict[str, Any]] = {
    "a model that sees the past": {"later_tokens_seen": NEVER, "target_is_next": 1.0},
    "a forecast that sees the past": {
        "later_inputs_seen": NEVER,
        "target_steps_ahead": Series(SAMPLED, np.ones(20)),
    },
    "numbers that are read in both directions": {"later_inputs_seen": ONCE},
    "a masked model that sees all": {"later_tokens_seen": ONCE, "target_is_next": 0.1},
    "texts with padding": {"tokens_read": Series(np.array([1]), np.array([20.0])), "tokens_unread": ONCE},
    "texts of one token": {"tokens_read": TWICE, "tokens_unread": Series(np.array([1, 10]), np.zeros(2))},
    "a branch that opens with the first update": {
        "tokens_read": Series(np.array([1, 10]), np.array([1.0, 20.0])),
        "tokens_unread": Series(np.array([1, 10]), np.array([20.0, 1.0])),
    },
    "logits that come to nothing once": {"logit_min": (SAMPLED > 50) * -0.1},
    "outputs that are never below zero, in another loss": {"logit_min": 0.0, "cross_entropy": 0.0},
    "few steps of another form among those of a cross-entropy": {"log_missing": Series(SAMPLED[:6], np.ones(6))},
    "a critic that is held against one number": LEVELS | {"target_level": 1.0},
    "a critic that wins against two numbers": NOTHING_LEFT | {"target_levels_apart": 1.0},
    "rows without a label, of all classes": {"targets_used": 0.7},
    "a class that a few sure rows seem to miss": {"class_unasked": Series(SAMPLED[:4], np.zeros(4))},
    "16-bit weights of which some stay": {"weights_still": 0.2},
    "16-bit weights after a few updates": {"weights_still": Series(np.arange(1, 6), np.ones(5))},
    "few targets of one class": {"target_classes_seen": 1.0, "targets": 1.0},
    "one batch that is learnt by heart as a trial": ONE_BATCH | {"validation_rows_seen": 1.0},
    "few data, all in one batch": ONE_BATCH | {"rows_distinct": Series(SAMPLED, np.full(20, 400.0))},
    "one side of an adversarial training": {"targets_alike": 1.0, "target_level": 1.0},
    "a few batches whose targets are equal": LEVELS | {"targets_alike": SAMPLED % 20 == 0},
    "a loss at another level": {
        "loss": AT_CHANCE["loss"] + 0.05,
        "rows_distinct": Series(SAMPLED, 32.0 * (SAMPLED // 10)),
    },
    "full batches": {"rows_repeated": repeats(*range(2, 201)), "rows_seen": np.minimum(STEP - 1, 1)},
    "two passes over each batch": {"rows_repeated": repeats(*range(2, 201, 2))},
    "a few equal batches": {"rows_repeated": repeats(120, 121, 122)},
    "an evaluation of both parts": {"validation_rows_seen": 0.8},
    "a small world, all of which is trained on": {"validation_rows_seen": 1.0, **SMALL_WORLD},
    "rows of a batch that are equal all along": {"rows_equal": Series(STEP, np.full(STEPS, 0.5))},
    "rows that are equal now and then": {"rows_equal": Series(STEP[::20], np.full(10, 0.5))},
    "values of actions, of which one is done": {
        "cross_entropy": 0.0,
        "log_softmax_missing": Series(SAMPLED[:6], np.ones(6)),
    },
    "few rows": {"validation_rows_seen": 1.0, "validation_rows": 12.0},
    "augmentation": {"validation_input_std": 0.8, **APART},
    "evaluations of one other set among others": {"validation_input_std": np.array([1.0, 5.0, 1.0, 1.0])},
    "inputs that drift": {"input_std": 1 + STEP / 50, **WORSE},
    "inputs that drift beside their mean": {"input_mean": STEP / 50, **WORSE},
    "rare classes": {"target_classes": 2.0, "target_most": 0.0, "target_most_share": 0.95},
    "rows that a batch holds eight times": {
        "target_classes": 1.0,
        "target_most_share": 1.0,
        "rows_equal": Series(STEP, np.full(STEPS, 0.8)),
    },
    "batches of four targets": {"target_classes": 1.0, "targets": 4.0},
    "labels that are changed for one row in ten": {"targets_changed": 0.1},
    "a small world with many right answers": {"targets_changed": 0.8, **SMALL_WORLD},
    "few rows that come again": {"targets_changed": 0.8, "targets_again": Series(SAMPLED, np.full(20, 1.0))},
    "a text": {"target_is_input": 0.1, "target_is_next": 1.0, "target_is_second": 0.1},
    "a text of one letter": {"target_is_input": 1.0, "target_is_next": 1.0, "target_is_second": 1.0},
    "one step whose gradient fits another form": {"softmax_twice": Series(SAMPLED[:1], np.ones(1))},
    "evaluation mode for a while": {"update_in_evaluation_mode": repeats(*range(51, 150))},
    "evaluation mode from the start": {"update_in_evaluation_mode": repeats(*range(1, 201))},
    "a weight of one half": {"loss_multiple": 0.5},
    "two losses of an update": {"loss_multiple": 2.0, "backwards": Series(STEP, np.full(STEPS, 2.0))},
}


def test_a_form_that_is_seen_now_and_then_is_told_where_it_is_never_a_cross_entropy() -> None:
    given = {"cross_entropy": 0.0, "log_missing": Series(SAMPLED[:6], np.ones(6))}
    assert found(**given)["loss-form"].severity == "fault"


@pytest.mark.parametrize("case", SOUND)
def test_what_is_sound_raises_no_alarm_of_these(case: str) -> None:
    assert not {*PLANTED, "contrastive-at-chance"} & alarms(**SOUND[case]).keys()


def test_a_policy_has_no_loss_of_targets() -> None:
    assert "loss-form" not in found(kind="reinforcement", **PLANTED["loss-form"])


def test_rows_that_come_again_in_one_stretch_are_found() -> None:
    stretch = ((STEP >= 100) & (STEP < 130)).astype(float)
    finding = found(rows_seen=stretch)["repeated-batch"]
    assert (finding.first_step, finding.last_step) == (100, 129)
    assert "repeated-batch" not in found(rows_seen=(STEP >= 100).astype(float))  # a second epoch, to its end


def test_a_rise_where_new_classes_begin_is_a_note() -> None:
    loss = np.where(STEP < 101, 1.6 * np.exp(-STEP / 20), 3 * np.exp(-(STEP - 100) / 20)) + 0.05
    classes = np.where(SAMPLED < 101, 3.0, 5.0)
    old = found(loss=loss)
    new = found(loss=loss, target_classes_seen=classes)
    assert {kind for kind, one in old.items() if one.severity != "note"} == {"spike", "worse-than-untrained"}
    for kind in ("spike", "worse-than-untrained"):
        assert new[kind].severity == "note"
        assert [cause.name for cause in new[kind].causes or ()] == ["changed-inputs"]


def test_new_classes_that_cost_what_was_known_are_no_note() -> None:
    """A second file whose words are numbered anew: some numbers are new, and of the others each means another word."""
    loss = np.where(STEP < 101, 1.6 * np.exp(-STEP / 20), 3 * np.exp(-(STEP - 100) / 60)) + 0.05
    classes = np.where(SAMPLED < 101, 3.0, 5.0)
    kept, lost = (
        found(loss=loss, target_classes_seen=classes, validation_loss=np.array([0.3, 0.2, later, later]))["spike"]
        for later in (0.21, 0.5)
    )
    assert (kept.severity, lost.severity) == ("note", "warning")


def test_classes_that_are_gone_again_are_no_new_task() -> None:
    """A file in another encoding: its letters are new, and nobody has learnt them when the loss is back."""
    loss = np.where((STEP >= 101) & (STEP < 109), 14.0 * np.exp(-(STEP - 101) / 8), 1.6 * np.exp(-STEP / 20) + 0.35)
    seen = found(loss=loss, target_classes_seen=np.where(SAMPLED < 101, 50.0, 90.0))
    assert seen["spike"].severity == "warning"
    assert [cause.name for cause in seen["spike"].causes or ()] == []
    assert seen["spike"].candidate_causes[0] == "corrupted-batch"


def test_changed_inputs_are_a_note_where_nothing_is_worse_for_it() -> None:
    assert found(input_std=BEHIND)["changed-inputs"].severity == "note"
    assert found(input_std=BEHIND, **WORSE)["changed-inputs"].first_step == 100


def test_a_loss_that_is_divided_by_the_passes_twice_is_told() -> None:
    eight = Series(STEP, np.full(STEPS, 8.0))
    finding = found(loss_multiple=1 / 8, backwards=eight)["loss-multiple"]
    assert finding.severity == "warning"
    assert "divided by the number of passes twice" in str(finding.sentence)
    assert [cause.name for cause in finding.causes or ()] == ["accumulation-scale"]
    for multiple in (1.0, 0.25):
        assert "loss-multiple" not in found(loss_multiple=multiple, backwards=eight)
    assert "loss-multiple" not in found(loss_multiple=0.5, backwards=Series(STEP, np.full(STEPS, 2.0)))


def test_one_token_for_all_targets_is_padding_where_it_stands_beside_itself() -> None:
    one = {"target_classes": 1.0, "target_classes_seen": 1.0, "target_most": 2.0, "target_most_share": 1.0}
    for following, cause in ((1.0, "padding-counted"), (0.15, "wrong-targets")):
        seen = found(target_is_next=following, **one)["single-target"]
        assert seen.candidate_causes[0] == cause


def test_a_choice_is_among_all_rows_of_a_batch_also_if_one_is_there_twice() -> None:
    distinct, rows = Series(SAMPLED, 31.0 * (SAMPLED // 10)), Series(STEP, np.full(STEPS, 32.0))
    asked = {name for name in sound() if name.startswith(("cross", "target", "loss_", "log_z"))}
    seen = found(None, asked, **AT_CHANCE, rows_distinct=distinct, rows=rows)
    assert seen["contrastive-at-chance"].evidence["choices"] == 32


def test_a_batch_far_outside_is_told_where_the_loss_rises_at_it_and_is_the_root_of_that() -> None:
    seen = found(input_std=ODD, **PEAK)
    assert seen["outlier-batch"].first_step == seen["outlier-batch"].last_step == 120
    assert "standard deviation of the inputs 9 instead of 1" in str(seen["outlier-batch"].sentence)
    assert seen["spike"].follows == "outlier-batch"
    lost = {"loss": np.where(STEP == 120, np.nan, sound()["loss"].value)}
    assert "outlier-batch" in found(input_std=ODD, **lost)
    assert "outlier-batch" not in found(input_std=ODD)
    assert "outlier-batch" not in found(input_std=np.where(STEP == 121, 9.0, 1.0), **PEAK)
    often = np.where(STEP % 20 == 0, 9.0, 1.0)
    assert "outlier-batch" not in found(input_std=often, **PEAK)


def test_a_sum_over_the_targets_is_a_note_that_names_it() -> None:
    finding = found(loss_multiple=32.0)["loss-multiple"]
    assert finding.severity == "note"
    assert [cause.name for cause in finding.causes or ()] == ["reduction"]


def test_an_input_as_target_is_a_note_until_the_loss_is_nothing() -> None:
    given = {"target_is_input": 1.0, "target_is_next": 0.1}
    assert found(loss=np.linspace(2, 1, STEPS), **given)["target-shift"].severity == "note"
    assert found(loss=2 * np.exp(-STEP / 20), **given)["target-shift"].severity == "warning"


DRAWN = other("changed-targets", evidence={"share": 0.9})
COPIES = other("target-shift", evidence={"places": 0})
AGAIN = other("repeated-batch", 230, last_step=260.0)
BAD = {"kind": "not-finite", "evidence": {"for_good": True}}
CLASSES = np.where(np.arange(400) < 240, 3.0, 5.0)
CHANGED = other("changed-inputs", 240)
NEARLY = other("evaluation-inputs", evidence={"ratio": 0.6, "mean_shift": 0.9})
ENCODED = other("evaluation-inputs", 1, evidence={"share": 0.68, "before": 0.25})
PREPARED = other("evaluation-inputs", 1, evidence={"ratio": 0.3, "mean_shift": 0.0})
SCALE = {"input_mean": np.zeros(400), "input_std": np.ones(400)}
WIGGLED = 1 + 0.01 * np.sin(np.arange(400))
JUDGED = {"validation_loss": np.full(400, 2.0)}
PREPARATION = JUDGED | {
    f"{part}_{name}": np.ones(400) for part in ("input", "validation_input") for name in ("mean", "std")
}
SEES, UNREAD = other("not-causal", 1, "fault"), other("unread-tokens", 1, "fault")
ONE_TOKEN = other("single-target", candidate_causes=("padding-counted", "wrong-targets"))
ONE_CLASS = other("single-target", candidate_causes=("wrong-targets", "data-order"))
NOISE = {
    "kind": "plateau",
    "target_noise": np.ones(20),
    "noise_in_input": 0.01 * np.sin(np.arange(20)),
    "noise_explained": np.full(20, -0.01),
}
BOUNDED = other("outputs-bounded", evidence={"bound": 0.0, "far": -1.3})
HUGE = other("input-scale", evidence={"input_rms": 3e4})
TINY = other("tiny-batch", evidence={"rows": 2, "usual": 32})
MOST = np.where(np.arange(400) < 240, 0.0, 23.0)
LOST_GRADIENT = np.where(np.arange(400) < 239, 1.0, np.nan)
GREW = LOST_GRADIENT * np.where(np.arange(400) == 238, 1e9, 1.0)
LATER = np.where(np.arange(400) < 239, 0.0, 1.0)
RENAMED = {"kind": "spike", "targets_right": 0.95 - 0.5 * LATER, "targets_told": LATER}
STEEP = {"loss": np.where(np.arange(400) < 240, 1.0, np.nan), "gradient_norm": LOST_GRADIENT}
ROOT_OF_LOW = {"singular": (Singular("sqrt", ("low",), hidden=False),), "gradient_norm__low": LOST_GRADIENT}
HUGE_BEFORE = np.where(np.arange(400) < 239, 1.0, 1e36)
DIVIDED = {
    "kind": "not-finite", "half": True, "optimizer": "AdamW", "loss": np.where(np.arange(400) < 1, 2.3, np.nan),
    "gradient_norm": np.where(np.arange(400) < 1, 1.2, np.nan), "update_norm__head": np.full(1, np.inf),
}  # fmt: skip
ONCE = {"kind": "not-finite", "first": 241, "evidence": {"for_good": False}}
SHUFFLED = {
    "kind": "spike", "first": 241, "last": 260, "others": (other("changed-targets", 241, evidence={"share": 0.8}),),
}  # fmt: skip
GIVEN: list[tuple[str, dict[str, Any], str]] = [
    ("target-scale", {"kind": "plateau", "others": (other("target-scale"),)}, "targets-far"),
    ("target-scale", {"kind": "plateau", "others": (other("target-scale", severity="note"),)}, ""),
    ("wrong-targets", {"kind": "plateau"}, ""),
    ("wrong-targets", {"kind": "plateau", "others": (DRAWN,)}, "targets-changed"),
    ("wrong-targets", {"kind": "skipped-updates", "others": (DRAWN,)}, ""),
    ("weight-decay", {"kind": "plateau", "others": (other("weight-decay"),)}, "decay"),
    ("weight-decay", {"kind": "spike", "others": (other("weight-decay"),)}, ""),
    ("target-leak", {"kind": "too-good", "others": (COPIES,)}, "target-is-input"),
    ("target-leak", {"kind": "plateau", "others": (COPIES,)}, ""),
    ("target-leak", {"kind": "validation-gap", "signal": "validation_loss", "others": (COPIES,)}, "target-is-input"),
    (
        "target-leak",
        {"kind": "worse-than-uniform", "signal": "validation_loss", "others": (COPIES,)},
        "target-is-input",
    ),
    ("target-leak", {"kind": "worse-than-uniform", "signal": "loss", "others": (COPIES,)}, ""),
    ("target-leak", {"kind": "plateau", "others": (other("target-shift", evidence={"places": 2}),)}, ""),
    ("data-order", {"kind": "spike", "others": (other("one-class-batches"),)}, "one-class"),
    ("data-order", {"kind": "skipped-updates", "others": (other("one-class-batches"),)}, ""),
    ("input-scale", {"kind": "spike", "others": (HUGE,)}, "inputs-large"),
    ("output-activation", {"kind": "plateau", "others": (BOUNDED,)}, "outputs-end"),
    ("output-activation", {"kind": "over-fitting", "others": (BOUNDED,)}, "outputs-end"),
    ("output-activation", {"kind": "learning-rate-zero", "others": (BOUNDED,)}, ""),
    ("input-scale", {"kind": "spike", "others": (replace(HUGE, severity="note"),)}, ""),
    ("input-scale", {"kind": "over-fitting", "others": (HUGE,)}, ""),
    ("tiny-batch", {"kind": "spike", "others": (TINY,)}, "tiny-batch"),
    ("tiny-batch", {"kind": "spike", "others": (replace(TINY, severity="note"),)}, ""),
    ("tiny-batch", {"kind": "plateau", "others": (TINY,)}, ""),
    ("loss-definition", {"kind": "ignored-class"}, "class-left-out"),
    ("lost-updates", {"kind": "lost-updates"}, "lost-updates"),
    ("changed-inputs", {"others": (CHANGED,)}, "inputs-changed"),
    ("changed-inputs", {"first": 250, "others": (CHANGED,)}, "inputs-changed"),
    ("changed-inputs", {"first": 261, "others": (CHANGED,)}, ""),
    ("changed-inputs", {"first": 241, "target_classes_seen": CLASSES}, "new-classes"),
    ("changed-inputs", {"first": 244, "target_classes_seen": CLASSES}, ""),
    ("changed-inputs", {"first": 241, "target_classes_seen": np.arange(400) // 2}, ""),  # of a text
    ("changed-inputs", {"kind": "plateau", "others": (CHANGED,)}, ""),
    ("evaluation-preparation", {"kind": "validation-gap", "others": (PREPARED,), **PREPARATION}, "evaluation-inputs"),
    ("evaluation-preparation", {"kind": "validation-gap", "others": (ENCODED,), **PREPARATION}, "evaluation-tokens"),
    ("evaluation-preparation", {"kind": "plateau", "others": (ENCODED,)}, ""),
    ("evaluation-preparation", {"kind": "plateau", "others": (PREPARED,), **PREPARATION}, ""),
    (
        "evaluation-preparation",
        {"kind": "validation-gap", "others": (NEARLY,), **JUDGED},
        "",
    ),
    ("corrupted-batch", {**SCALE, "input_std": np.where(np.arange(400) == 239, 9.0, WIGGLED)}, "batch-outlier"),
    ("corrupted-batch", {**SCALE, "input_std": np.where(np.arange(400) == 238, 9.0, WIGGLED)}, "batch-outlier"),
    ("corrupted-batch", {**SCALE, "input_std": np.where(np.arange(400) == 230, 9.0, WIGGLED)}, ""),
    ("corrupted-batch", {**SCALE, "input_std": np.where(np.arange(400) == 239, 1.4, WIGGLED)}, ""),
    ("corrupted-batch", {**SCALE, "input_mean": np.where(np.arange(400) == 239, 2.0, 0.0)}, "batch-outlier"),
    (
        "not-finite-batch",
        {**BAD, "input_mean": np.where(np.arange(400) == 239, np.nan, 0.0)},
        "inputs-not-finite",
    ),
    (
        "not-finite-batch",
        {**BAD, "input_mean": np.where(np.arange(400) == 240, np.nan, 0.0)},
        "",
    ),
    ("repeated-batch", {"kind": "loss-drop", "others": (AGAIN,)}, "repeated-batch"),
    ("target-leak", {"kind": "too-good", "others": (SEES,)}, "future-seen"),
    ("target-leak", {"kind": "plateau", "others": (SEES,)}, ""),
    ("inverted-mask", {"kind": "plateau", "others": (UNREAD,)}, "text-unread"),
    ("inverted-mask", {"kind": "skipped-updates", "others": (UNREAD,)}, ""),
    ("padding-counted", {"kind": "too-good", "others": (ONE_TOKEN,)}, "only-padding-asked"),
    ("padding-counted", {"kind": "too-good", "others": (ONE_CLASS,)}, ""),
    ("wrong-targets", {"kind": "too-good", "others": (ONE_CLASS,)}, "one-target"),
    ("wrong-targets", {"kind": "too-good", "others": (ONE_TOKEN,)}, ""),
    ("target-leak", {"kind": "validation-gap", **JUDGED, "inputs_telling": np.array([1.0])}, "told-by-input"),
    ("target-leak", {"kind": "validation-gap", **JUDGED, "inputs_telling": np.array([0.0])}, ""),
    ("target-leak", {"kind": "validation-gap", **JUDGED, "inputs_telling": np.array([60.0])}, ""),  # easy
    ("target-leak", {"kind": "plateau", "inputs_telling": np.array([1.0])}, ""),
    ("target-leak", {"kind": "over-fitting", **JUDGED, "target_in_input": np.full(20, 0.999)}, "told-by-input"),
    ("target-leak", {"kind": "over-fitting", **JUDGED, "target_in_input": np.full(20, 0.9)}, ""),
    ("target-leak", {"kind": "over-fitting", **JUDGED, "target_in_input": np.full(4, 0.999)}, ""),
    ("changed-inputs", {"kind": "spike", "first": 241, "target_most": MOST}, "other-targets"),
    ("changed-inputs", {"kind": "spike", "first": 251, "target_most": MOST}, ""),
    ("changed-inputs", {"kind": "spike", "first": 241, "target_most": np.arange(400) % 7}, ""),
    ("numerics-in-loss", {**BAD, "first": 241, "half": False, **STEEP}, "derivative-not-finite"),
    ("numerics-in-loss", {**BAD, "first": 241, "half": False, **STEEP, **ROOT_OF_LOW}, "singular-derivative"),
    (
        "numerics-in-loss",
        {**BAD, "first": 241, "half": False, **STEEP, **ROOT_OF_LOW, "gradient_norm__high": LOST_GRADIENT},
        "derivative-not-finite",
    ),
    ("numerics-in-loss", {**BAD, "first": 241, "half": True, **STEEP, **ROOT_OF_LOW}, ""),
    ("numerics-in-loss", {**BAD, "first": 241, "half": True, **STEEP}, ""),
    ("numerics-in-loss", {**BAD, "first": 241, **STEEP}, ""),  # nobody looked
    ("numerics-in-loss", {**BAD, "first": 241, "half": False, **STEEP, "gradient_norm": GREW}, ""),
    ("numerics-in-loss", {**BAD, "first": 241, "half": False, **STEEP, "loss": HUGE_BEFORE}, ""),
    ("fp16-overflow", DIVIDED, "update-not-finite"),
    ("fp16-overflow", DIVIDED | {"optimizer": "SGD"}, ""),
    ("not-finite-batch", ONCE, "finite-again"),
    ("not-finite-batch", ONCE | {"loss_scale": np.where(np.arange(400) < 241, 1024.0, 512.0)}, ""),
    ("wrong-targets", SHUFFLED, "targets-changed"),
    ("wrong-targets", SHUFFLED | {"first": 100, "last": 130}, ""),  # long before
    ("dropout", {"kind": "training-above-validation", "dropout": 0.9}, "dropped"),
    ("dropout", {"kind": "spike", "dropout": 0.9}, ""),
    ("wrong-targets", RENAMED, "recoded"),
    ("wrong-targets", RENAMED | {"kind": "plateau"}, ""),
    ("wrong-targets", RENAMED | {"targets_told": 0.8 * LATER}, ""),  # much that is hard is wrong in the same way
    ("wrong-targets", RENAMED | {"targets_right": 0.95 - 0.1 * LATER}, ""),  # nothing was forgotten
    ("wrong-targets", RENAMED | {"targets_right": 0.5 - 0.4 * LATER}, ""),  # nothing was known
    ("wrong-targets", RENAMED | {"targets_told": np.where(np.arange(400) < 246, np.nan, 1.0)}, ""),  # known too late
    ("wrong-targets", NOISE, "unrelated-noise"),
    ("wrong-targets", NOISE | {"noise_in_input": np.full(20, 0.3)}, ""),
    ("wrong-targets", NOISE | {"noise_explained": np.full(20, 0.2)}, ""),
    ("wrong-targets", NOISE | {"target_noise": np.zeros(20)}, ""),
    ("wrong-targets", NOISE | {"kind": "spike"}, ""),
    ("repeated-batch", {"kind": "loss-drop", "others": (other("repeated-batch", 300, last_step=360.0),)}, ""),
    ("changed-state", {"weights_changed__0": LATER}, "only-state"),
    ("changed-state", {"weights_changed__0": LATER, "rows": LATER + 8}, ""),  # two changes
    ("changed-state", {"weights_changed__0": LATER, "weight_decay": 1 - LATER}, "only-state"),  # lowered
    ("changed-inputs", {"input_mean": LATER}, ""),
    ("changed-targets", {"target_mean": LATER, "target_std": np.ones(400)}, "only-targets"),
    ("changed-targets", {"target_mean": LATER, "target_std": np.full(400, 3.0)}, ""),  # within their deviation
    ("changed-targets", {"target_mean": LATER / 2 + 0.1}, "only-targets"),  # of zero and one
    ("changed-targets", {"target_mean": np.where(np.arange(400) == 239, 1.0, 0.0)}, ""),  # of a single batch
    ("changed-targets", {"target_mean": np.zeros(400), "target_std": LATER + 1}, "only-targets"),
    ("changed-targets", {"kind": "plateau", "target_mean": LATER}, ""),
    ("reduction", {"loss_multiple": 1 + 3 * LATER, "loss": 1 + 3 * LATER}, "only-multiple"),
    ("reduction", {"loss_multiple": 1 + 3 * LATER, "loss": 1 + 99 * LATER}, ""),
    ("reduction", {"loss_multiple": 4 - 3 * LATER, "loss": 1 + 3 * LATER}, ""),
    ("weight-decay", {"weight_decay": LATER}, "only-decay"),
    ("weight-decay", {"weight_decay": LATER + 1}, ""),
    ("dropout", {"dropout_signal": LATER / 2}, "only-dropout"),
    ("dropout", {"dropout_signal": LATER / 5 + 0.1}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "what", "evidence"), GIVEN)
def test_a_cause_is_named_by_what_was_given_there(cause: str, what: dict[str, Any], evidence: str) -> None:
    assert seen_of(cause, known(**what)) == evidence


def decayed(weight_decay: float, gradient: float = 1.0, update: float = 0.02) -> list[str]:
    """Return the causes of what is said of decay: a rate of 1e-3, a weight of norm 10."""
    layers = {"update_norm": update, "weight_norm": 10.0, "gradient_norm": gradient}
    signals = sound() | {f"{name}/head": Series(SAMPLED, np.full(20, value)) for name, value in layers.items()}
    facts = Facts(origin="record", layers=(Layer("head", "Linear", 100, True, weight_decay),))
    findings = diagnose(Trace(signals), facts)
    return [cause.name for one in findings if one.kind == "weight-decay" for cause in one.causes or ()]


def test_decay_that_is_most_of_an_update_is_found() -> None:
    assert decayed(1.5) == ["weight-decay"]
    assert decayed(0.9) == []
    assert decayed(1.5, gradient=0.0) == []
    assert decayed(1.5, update=0.04) == []


def test_decay_of_some_layers_is_a_note_where_the_loss_is_learnt() -> None:
    values = {"update_norm": 0.02, "weight_norm": 10.0, "gradient_norm": 1.0}
    signals = sound() | {
        f"{name}/{layer}": Series(SAMPLED, np.full(20, value * (100 if name == "update_norm" and layer == "b" else 1)))
        for name, value in values.items()
        for layer in "ab"
    }
    facts = Facts(origin="record", layers=tuple(Layer(name, "Linear", 100, True, 1.5) for name in "ab"))
    (learnt,) = [one for one in diagnose(Trace(signals), facts) if one.kind == "weight-decay"]
    stands = signals | {"loss": Series(STEP, 1.6 + 0.1 * np.sin(STEP))}
    (other_one,) = [one for one in diagnose(Trace(stands), facts) if one.kind == "weight-decay"]
    assert (learnt.severity, other_one.severity) == ("note", "warning")


def layered(layers: tuple[Layer, ...], changed: dict[str, Any]) -> list[Finding]:
    """Return what is found of a model of these layers, with signals by `statistic/LAYER`."""
    signals = sound()
    for name, value in changed.items():
        steps = signals[name].step if name in signals else SAMPLED
        signals[name] = Series(steps, np.broadcast_to(np.asarray(value, dtype=float), steps.shape).copy())
    return diagnose(Trace(signals), Facts(origin="record", layers=layers))


BODY, HEAD = Layer("body", "Linear", 100), Layer("head", "Linear", 50, trained=False)
MOVES = {"update_norm/body": 0.1, "weight_norm/body": 10.0, "gradient_norm/body": 1.0}


@pytest.mark.parametrize(("start", "severity"), [(np.log(5) * 0.99, "warning"), (np.log(5) * 0.8, "note")])
def test_a_frozen_head_that_knew_nothing_is_an_alarm(start: float, severity: str) -> None:
    loss = start * np.exp(-(STEP - 1) / 60)
    (finding,) = [one for one in layered((BODY, HEAD), MOVES | {"loss": loss}) if one.kind == "frozen-layer"]
    assert finding.severity == severity
    assert ("untrained at the start" in str(finding.sentence)) is (severity == "warning")


def test_layers_that_stand_because_hardly_anything_moves_are_not_frozen() -> None:
    still = {"update_norm/head": 0.0, "gradient_norm/head": 1e-3, "weight_norm/head": 10.0}
    tiny = {f"update_ratio/{name}": 1e-10 for name in ("body", "other")} | {"gradient_norm_clipped": 1e-6}
    layers = (BODY, Layer("other", "Linear", 100), Layer("head", "Linear", 50))
    flat = {"loss": 1.6 + 0.001 * np.sin(STEP), "validation_loss": 1.6}
    kinds = {one.kind: one for one in layered(layers, MOVES | still | tiny | flat)}
    assert "frozen-layer" not in kinds
    assert [cause.name for cause in kinds["update-ratio"].causes or ()] == ["tight-clipping"]
    assert [cause.name for cause in kinds["plateau"].causes or ()] == ["tight-clipping"]
    moving = tiny | {"update_ratio/body": 1e-3, "update_ratio/other": 1e-3}
    assert "frozen-layer" in {one.kind for one in layered(layers, MOVES | still | moving)}


@pytest.mark.parametrize(
    ("kind", "size", "is_found"), [("GRU", 0.97, True), ("GRU", 0.9, False), ("Linear", 3.0, False)]
)
def test_a_recurrence_at_its_bounds_is_saturated(kind: str, size: float, is_found: bool) -> None:
    findings = layered((Layer("memory", kind, 100),), {"activation_rms/memory": size})
    assert ("saturated-gates" in {one.kind for one in findings}) is is_found


@pytest.mark.parametrize(("kind", "is_alarm"), [("GRU", False), ("Linear", True)])
def test_a_bounded_recurrence_may_grow_a_little(kind: str, is_alarm: bool) -> None:
    gain = np.where(SAMPLED > 100, 1.09, 1.0)
    findings = layered((Layer("memory", kind, 100),), {"loop_gain": gain})
    assert ("context-growth" in {one.kind for one in findings}) is is_alarm


@pytest.mark.parametrize(
    ("optimizer", "ratio", "clipped", "gradient", "is_named"),
    [
        ("AdamW", 1e-8, None, 1.0, True),
        ("SGD", 1e-8, None, 1.0, False),  # its updates are as long as the gradient
        ("AdamW", 1e-8, None, 1e-5, False),  # lost in Adam's epsilon
        ("AdamW", 1e-8, 1e-6, 1.0, False),  # clipping is it
        ("AdamW", 1e-4, None, 1.0, True),  # 200 of them
        ("AdamW", 2e-4, None, 1.0, False),
    ],
)
def test_updates_of_adam_are_as_long_as_the_rate_says(
    optimizer: str, ratio: float, clipped: float | None, gradient: float, is_named: bool
) -> None:
    signals = sound() | {
        "loss": Series(STEP, 1.6 + 0.001 * np.sin(STEP)),
        "gradient_norm": Series(STEP, np.full(STEPS, gradient)),
        **{f"update_ratio/{name}": Series(SAMPLED, np.full(20, ratio)) for name in "ab"},
        **({} if clipped is None else {"gradient_norm_clipped": Series(STEP, np.full(STEPS, clipped))}),
    }
    layers = tuple(Layer(name, "Linear", 100) for name in "ab")
    found = diagnose(Trace(signals), Facts(origin="record", layers=layers, optimizer=optimizer))
    named = {cause.name for one in found for cause in one.causes or ()}
    assert ("learning-rate-low" in named) is is_named


@pytest.mark.parametrize(("rate", "is_named"), [(0.95, True), (0.5, False)])
def test_a_layer_that_drops_nearly_all_is_named(rate: float, is_named: bool) -> None:
    signals = sound() | {"loss": Series(STEP, 1.6 + 0.001 * np.sin(STEP))}
    found = diagnose(Trace(signals), Facts(origin="record", dropout=rate))
    assert ("dropout" in {cause.name for one in found for cause in one.causes or ()}) is is_named


BELOW: dict[str, Any] = {
    "validation_accuracy": Series(EVALUATED, np.full(4, 0.02)),
    "validation_loss": np.array([2.0, 3.0, 4.0, 4.0]),
}


def test_who_is_right_more_seldom_than_a_guess_is_asked_for_another() -> None:
    finding = found(**BELOW)["below-chance"]
    assert finding.severity == "fault"
    assert "only 2.00 % of validation is right, where a guess among 5 classes would get 20 %" in str(finding.sentence)
    assert [cause.name for cause in finding.causes or ()] == ["evaluation-preparation"]


@pytest.mark.parametrize(
    "changed",
    [
        {"validation_accuracy": Series(EVALUATED, np.full(4, 0.1))},
        {"validation_loss": np.full(4, 1.65)},  # it is not sure: it knows nothing
        {"validation_rows": 50.0},  # chance
        {"loss": 1.6 + 0.01 * np.sin(STEP)},  # nothing is learnt
    ],
)
def test_a_low_accuracy_may_be_chance(changed: dict[str, Any]) -> None:
    assert "below-chance" not in found(**(BELOW | changed))


LATE = np.array([150, 160, 170, 180, 190, 200])
RENUMBERED: dict[str, Any] = {
    "validation_accuracy": Series(LATE, np.array([0.88, 0.9, 0.5, 0.03, 0.02, 0.02])),
    "validation_loss": Series(LATE, np.array([0.5, 0.5, 2.0, 3.0, 4.0, 4.0])),
    "validation_count": Series(LATE, np.full(6, 400.0)),
    "loss": np.where((STEP > 163) & (STEP < 168), 3.5, 1.6 * np.exp(-STEP / 60) + 0.1),
}


def test_who_was_right_and_is_asked_for_other_answers_learns_them_where_training_was_sure_and_wrong() -> None:
    each = found(**RENUMBERED)
    finding = each["below-chance"]
    assert str(finding.sentence).startswith("from step 164 on training is asked for other answers to the same inputs")
    assert "2.00 % of validation is right (best 90 %; a guess among 5 classes 20 %)" in str(finding.sentence)
    assert finding.first_step == 164
    for one in each.values():
        if one.severity != "note" and one.kind != "below-chance":
            assert one.follows == "below-chance"
            assert one.supported_causes == ("wrong-targets",)
    assert finding.supported_causes == ("wrong-targets",)


@pytest.mark.parametrize(
    "loss",
    [
        1.6 * np.exp(-STEP / 60) + 0.1,  # training noticed nothing: evaluations are asked otherwise
        np.where((STEP > 163) & (STEP < 168), 1.7, 1.6 * np.exp(-STEP / 60) + 0.1),  # it knew less than a guess
        np.where(STEP < 168, 3.5, 1.6 * np.exp(-STEP / 60) + 0.1),  # it was as wrong before
    ],
)
def test_an_accuracy_that_fell_below_a_guess_is_dated_and_names_no_cause_alone(loss: np.ndarray) -> None:
    finding = found(**(RENUMBERED | {"loss": loss}))["below-chance"]
    assert str(finding.sentence).startswith("since step 170 evaluations ask for other answers than training: 2.00 % is")
    assert (finding.first_step, finding.supported_causes) == (170, ())
    assert finding.candidate_causes[:2] == ("evaluation-preparation", "wrong-targets")


PARTLY: dict[str, Any] = {
    "validation_rows_seen": np.array([0.25, 0.3, 0.3, 0.3, 0.3, 0.3]),
    "validation_rows": np.full(6, 200.0),
    "rows_distinct": Series(SAMPLED, np.linspace(32, 640, 20)),
}


def partly(**changed: Any) -> dict[str, Finding]:
    at = np.linspace(1, STEPS, 6).astype(int)
    given = {**PARTLY, "validation_input_std": np.ones(6), "validation_input_mean": np.zeros(6), **changed}
    whole = {"validation_loss": np.full(6, 1.0)}
    is_series: dict[str, Any] = {
        name: one if isinstance(one, Series) else Series(at, one) for name, one in (given | whole).items()
    }
    return found(**is_series)


@pytest.mark.parametrize(
    ("known", "seen", "is_said"),
    [
        (np.ones(4), 0.3, True),
        (np.ones(4), 0.5, False),  # a small world
        (np.array([0.9, 1.0, 1.0, 1.0]), 0.3, False),  # more of it from day to day
    ],
)
def test_rows_that_come_again_now_and_then_make_no_evaluation_known(
    known: np.ndarray, seen: float, is_said: bool
) -> None:
    """As pairs of users and items that are drawn anew for each epoch: most of a later one is known too."""
    rows = np.minimum(1.0, seen * np.sqrt(STEP / 50))
    assert ("trained-validation" in found(validation_rows_seen=known, rows_seen=rows)) is is_said


def test_a_part_of_the_validation_that_was_trained_on_is_counted() -> None:
    finding = partly()["trained-validation"]
    assert str(finding.sentence).startswith("30.00 % of the validation (60 of 200 rows) was trained on")
    assert (finding.severity, finding.supported_causes, finding.first_step) == ("warning", ("leak",), 40)


@pytest.mark.parametrize(
    "changed",
    [
        {"validation_rows_seen": np.array([0.2, 0.24, 0.28, 0.3, 0.32, 0.34])},  # more by chance from day to day
        {"validation_rows_seen": np.full(6, 0.095)},
        {"validation_rows": np.full(6, 90.0)},  # 27 rows
        {"validation_input_std": np.ones(0), "validation_input_mean": np.zeros(0)},  # texts
        {"rows_distinct": Series(SAMPLED, np.full(20, 62.0))},  # all of training, beside others
        {"validation_rows": np.array([200.0, 200, 200, 190, 200, 200])},
    ],
)
def test_a_part_that_comes_by_chance_or_on_purpose_is_no_alarm(changed: dict[str, Any]) -> None:
    assert "trained-validation" not in partly(**changed)


@pytest.mark.parametrize(
    ("kind", "signal"),
    [
        ("padding-counted", {"targets_padding": Series(SAMPLED, np.full(20, 0.09))}),
        ("padding-counted", {"targets_padding": Series(SAMPLED[:4], np.full(4, 0.9))}),
        ("target-in-input", {"target_in_input": Series(SAMPLED, np.append(np.ones(19), 0.9999))}),
        ("target-in-input", {"target_in_input": Series(SAMPLED[:4], np.ones(4))}),
        ("target-in-input", {"targets_in_window": Series(SAMPLED[:4], np.full(4, 0.25))}),
        ("target-in-input", {"targets_in_window": Series(SAMPLED, np.append(np.full(19, 0.25), 0.5))}),
        ("batch-as-time", {"batch_as_time": Series(np.array([1, 10]), np.array([1.0, 0.0]))}),
        ("loss-form", {"sigmoid_twice": Series(SAMPLED, np.append(np.ones(17), np.zeros(3)))}),
        ("loss-form", {"sigmoid_twice": Series(SAMPLED[:4], np.ones(4))}),
    ],
)
def test_what_may_be_chance_or_a_beginning_is_no_alarm(kind: str, signal: dict[str, Any]) -> None:
    assert kind not in found(**signal)


@pytest.mark.parametrize(("until", "is_found"), [(100, False), (120, False), (95, True), (110, True)])
def test_whole_epochs_before_an_augmentation_are_no_repeated_batch(until: int, is_found: bool) -> None:
    seen = np.where((STEP > 20) & (until >= STEP), 1.0, 0.0)
    assert ("repeated-batch" in found(rows_seen=seen)) is is_found


@pytest.mark.parametrize(("period", "is_found"), [(20, False), (10, True)])
def test_epochs_in_one_order_before_the_data_change_are_no_repeated_batch(period: int, is_found: bool) -> None:
    again = np.arange(21.0, 111.0)
    seen = np.where((STEP > 20) & (STEP <= 110), 1.0, 0.0)
    each = found(rows_seen=seen, batch_again=Series(again, np.full(len(again), float(period))))
    assert ("repeated-batch" in each) is is_found


@pytest.mark.parametrize(("share", "is_found"), [(0.6, True), (0.15, False)])
def test_inputs_that_are_other_again_and_again_have_changed(share: float, is_found: bool) -> None:
    draw = np.random.default_rng(1)
    bad = (STEP >= 100) & ((draw.random(STEPS) < share) | (STEP == 100))
    each = found(input_std=np.where(bad, 30.0, 1.0), **WORSE)
    assert ("changed-inputs" in each) is is_found
    if is_found:
        assert each["changed-inputs"].first_step == 100
        assert each["changed-inputs"].supported_causes == ("changed-inputs",)
        assert {one.follows for one in each.values() if one.severity != "note"} == {None, "changed-inputs"}
    early = found(input_std=np.where(draw.random(STEPS) < share, 30.0, 1.0), **WORSE)  # it was so from the start
    assert "changed-inputs" not in early


@pytest.mark.parametrize(
    ("before", "period", "rows", "is_found"),
    [
        (60, 30, 2000.0, True),
        (60, 60, 2000.0, False),  # the order of an epoch that is not shuffled
        (60, 58, 2000.0, False),
        (60, 30, 1000.0, False),  # the same rows as before, now in one order
    ],
)
def test_batches_that_come_in_turn_while_others_never_do(before: int, period: int, rows: float, is_found: bool) -> None:
    again = Series(STEP[before:], np.full(STEPS - before, float(period)))
    distinct = Series(SAMPLED, np.r_[32.0, np.full(len(SAMPLED) - 1, rows)])
    seen = found(batch_again=again, rows_distinct=distinct)
    assert ("repeated-batch" in seen) is is_found
    if is_found:
        assert seen["repeated-batch"].first_step == before + 1
        assert [cause.name for cause in seen["repeated-batch"].causes or ()] == ["repeated-batch"]
    broken = Series(again.step[again.step != 150], again.value[again.step != 150])
    assert "repeated-batch" not in found(batch_again=broken, rows_distinct=distinct)


REST = np.where(STEP % 25 == 0, 2.0, 32.0)
NORMED = (Layer("1", "BatchNorm1d"),)


@pytest.mark.parametrize(
    ("layers", "rows", "high", "severity"),
    [
        (NORMED, REST, 3.0, "warning"),
        (NORMED, REST, 1.0, "note"),
        ((Layer("1", "LayerNorm"),), REST, 3.0, None),
        (NORMED, np.where(STEP % 25 == 0, 16.0, 32.0), 3.0, None),  # half a batch
        (NORMED, np.where(STEP % 2 == 0, 2.0, 32.0), 3.0, None),  # not now and then
        (NORMED, np.full(STEPS, 2.0), 3.0, None),
    ],
)
def test_a_batch_of_two_rows_is_told_where_a_batch_norm_reads_it(
    layers: tuple[Layer, ...], rows: np.ndarray, high: float, severity: str | None
) -> None:
    signals = sound()
    signals["rows"] = Series(STEP, rows)
    loss = signals["loss"].value * np.where(STEP % 25 == 0, high, 1.0)
    signals["loss"] = Series(STEP, loss)
    findings = [
        one for one in diagnose(Trace(signals), Facts(origin="record", layers=layers)) if one.kind == "tiny-batch"
    ]
    assert [one.severity for one in findings] == ([severity] if severity else [])
    if severity == "warning":
        assert [cause.name for cause in findings[0].causes or ()] == ["tiny-batch"]
        assert catalogue("en").text(findings[0].sentence) == (
            "batch norm gets a batch of 2 rows, where 32 are usual, at step 25 and every 25 after it (8 times); "
            "the loss is 2.6 times as high there"
        )


@pytest.mark.parametrize(
    ("size", "given", "start", "end", "severity"),
    [
        (3e4, 2e4, 1500.0, 80.0, "warning"),
        (3e4, 2e4, 1500.0, 0.4, "note"),  # it came over it
        (3e4, 1.0, 1500.0, 80.0, None),  # the first layer norms what it is given
        (3e4, 2e4, 1.7, 1.6, None),
        (50.0, 40.0, 1500.0, 80.0, None),
    ],
)
def test_inputs_that_are_hundreds_of_times_too_large(
    size: float, given: float, start: float, end: float, severity: str | None
) -> None:
    loss = end + (start - end) * np.exp(-(STEP - 1) / 20)
    seen = found(input_std=size, loss=loss, **{"activation_rms/0": Series(SAMPLED, np.full(20, given))})
    assert (seen["input-scale"].severity if "input-scale" in seen else None) == severity
    if severity == "warning":
        assert [one.name for one in seen["input-scale"].causes or ()] == ["input-scale"]


@pytest.mark.parametrize(
    ("constant", "start", "end", "severity"),
    [
        (1.0, 800.0, 0.7, "warning"),
        (1.0, 800.0, 0.1, "note"),
        (100.0, 800.0, 70.0, None),  # its targets are as large
    ],
)
def test_inputs_that_are_far_too_large_for_a_squared_error(
    constant: float, start: float, end: float, severity: str | None
) -> None:
    loss = end + (start - end) * np.exp(-(STEP - 1) / 20)
    signals = sound()
    del signals["cross_entropy"], signals["target_classes_seen"]
    signals |= {
        "loss": Series(STEP, loss), "input_std": Series(STEP, np.full(STEPS, 2e3)),
        "activation_rms/0": Series(SAMPLED, np.full(20, 1e3)), "constant_loss": Series(SAMPLED, np.full(20, constant)),
    }  # fmt: skip
    kinds = {one.kind: one.severity for one in diagnose(Trace(signals), Facts(origin="record"))}
    assert kinds.get("input-scale") == severity


def lost(**otherwise: Any) -> list[str]:
    """Return the causes that are named of a loss that is not finite from step 2 on."""
    signals = {
        "loss": Series(STEP, np.where(STEP < 2, 2.3, np.nan)),
        "gradient_norm": Series(STEP, np.where(STEP < 2, otherwise.get("gradient", 1.2), np.nan)),
        "update_norm/head": Series(np.array([1]), np.array([otherwise.get("update", np.inf)])),
    }
    facts = Facts(origin="record", half=otherwise.get("half", True), optimizer=otherwise.get("optimizer", "AdamW"))
    (finding,) = [one for one in diagnose(Trace(signals), facts) if one.kind == "not-finite"]
    return [cause.name for cause in finding.causes or ()]


def test_a_division_by_epsilon_in_half_precision_is_named() -> None:
    assert lost() == ["fp16-overflow"]


@pytest.mark.parametrize(
    "otherwise",
    [{"half": False}, {"half": None}, {"gradient": np.inf}, {"update": 0.1}, {"optimizer": "SGD"}],
)
def test_of_other_numbers_that_are_lost_it_is_not(otherwise: Any) -> None:
    assert lost(**otherwise) == []


@pytest.mark.parametrize(
    ("changed", "is_told"),
    [
        ({}, True),
        ({"loss": 2 * np.exp(-STEP / 80) + 0.1}, False),  # it is learnt all the same
        ({"validation_input_std": np.array([1.0, 1.2, 1.4, 1.7] * 3)}, False),  # evaluations go the same way
        ({"input_std": np.where(STEP < 100, 1.0, 1.7)}, False),  # at once: another sentence
        ({"input_std": 1.0 + 0.05 * np.sin(STEP / 9)}, False),
    ],
)
def test_inputs_that_drift_while_evaluations_stay(changed: dict[str, np.ndarray], is_told: bool) -> None:
    usual = {
        "input_std": np.exp(0.6 * STEP / 200),
        "input_mean": np.zeros(200),
        "validation_input_std": np.ones(12),
        "loss": np.where(STEP < 60, 2.0 - STEP / 60, 1.0 + (STEP - 60) / 200),
    }
    told = [
        one
        for one in diagnose(drift_trace(usual | changed), Facts(origin="record"))
        if "little by" in str(one.sentence)
    ]
    assert bool(told) is is_told
    assert all(one.kind == "changed-inputs" and one.supported_causes == ("changed-inputs",) for one in told)


def drift_trace(signals: dict[str, np.ndarray]) -> Trace:
    return Trace({
        name: Series(STEP if len(value) == len(STEP) else np.linspace(10, 200, len(value)).round(), value)
        for name, value in signals.items()
    })  # fmt: skip
