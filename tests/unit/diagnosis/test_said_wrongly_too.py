"""More sentences that were false of runs which somebody else had made, each beside a run of which they are true."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.ending import lost_model
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.two_levels import two_levels
from newllm.trace import Finding, Series, Trace

pytestmark = pytest.mark.usefixtures("whatever_was_right")

STEPS, SAMPLED, EVALUATED = np.arange(1, 401), np.arange(10, 401, 10), np.arange(25, 401, 25)
NOISE = 0.02 * np.random.default_rng(0).standard_normal(400)
LOSS = 2 * np.exp(-STEPS / 150) + 0.3 + NOISE
RECORD = Facts(origin="record", ended=True)


def trace_of(**signals: Any) -> Trace:
    """Return a trace of a loss and these signals: values of each step, or (steps, values); `__` is a slash."""
    trace = {}
    for name, value in ({"loss": LOSS} | signals).items():
        at, values = value if isinstance(value, tuple) else (STEPS, value)
        trace[name.replace("__", "/")] = Series(at, np.broadcast_to(values, at.shape).astype(float))
    return Trace(trace, "step")


def found(facts: Facts = RECORD, **signals: Any) -> dict[str, Finding]:
    return {one.kind: one for one in reversed(diagnose(trace_of(**signals), facts))}


HEAD = (Layer("0", "Linear", 100), Layer("2", "Adapter", 20), Layer("2.l", "Linear", 50, trained=False, given=False))


@pytest.mark.parametrize(
    ("start", "layers", "is_said"),
    [
        (1.05 * np.log(10), HEAD[::2], True),
        (1.6 * np.log(10), HEAD[::2], False),  # confident of other classes: it was trained before
        (1.05 * np.log(10), HEAD, False),  # beside an adapter
    ],
)
def test_a_frozen_head_is_untrained_where_its_loss_is_that_of_guessing(
    start: float, layers: Any, is_said: bool
) -> None:
    moves = {"update_norm__0": (SAMPLED, 0.1), "update_norm__2.l": (SAMPLED, 0.0), "gradient_norm__0": (SAMPLED, 1.0)}
    kinds = found(
        Facts(origin="record", layers=layers),
        loss=start * np.exp(-STEPS / 60),
        target_classes_seen=(SAMPLED, 10.0),
        **moves,
    )
    assert ("untrained at the start" in str(kinds["frozen-layer"].sentence)) is is_said


@pytest.mark.parametrize(("others", "is_named"), [(0.3, True), (0.97, False)])
def test_in_what_is_smooth_the_last_number_follows_the_next(others: float, is_named: bool) -> None:
    validation = (EVALUATED, 2.3 + np.linspace(0, 0.5, len(EVALUATED)))
    kinds = found(validation_loss=validation, target_in_input=(SAMPLED, 0.993), target_in_next_input=(SAMPLED, others))
    named = [cause.name for one in kinds.values() for cause in one.causes or ()]
    assert ("target-leak" in named) is is_named


@pytest.mark.parametrize(("output", "is_said"), [(7.0, True), (0.1, False)])
def test_a_loss_that_begins_high_for_large_targets_is_no_matter_of_outputs(output: float, is_said: bool) -> None:
    last = (Layer("head", "Linear", 50),)
    high = 70 * np.exp(-STEPS / 8) + 0.05 * (1 + NOISE)
    kinds = found(Facts(origin="record", layers=last), loss=high, activation_rms__head=(SAMPLED, output))
    assert ("bad-start" in kinds) is is_said


@pytest.mark.parametrize(("kind", "severity"), [("gan", "note"), (None, "warning")])
def test_a_generators_gradient_grows_as_its_discriminator_learns(kind: str | None, severity: str) -> None:
    norm = np.where(STEPS < 60, 0.3, 3.0) * np.exp(5 * NOISE)
    risen = {"g_loss": 1 + NOISE, "d_loss": 1.2 - NOISE, "loss": 1 + NOISE} if kind else {"loss": LOSS + (STEPS > 60)}
    assert (
        found(Facts(origin="record", kind=kind), gradient_norm=norm, **risen)["gradient-explosion"].severity == severity
    )


@pytest.mark.parametrize("digits", [3, 5])
def test_numbers_of_few_significant_digits_are_the_same_now_and_then(digits: int) -> None:
    """Of 1,000 numbers near 1 that move by 0.06, two neighbours are equal in four decimals by chance."""
    steps = np.arange(1000)
    value = 1.5 * np.exp(-steps / 900) + 0.06 * np.random.default_rng(3).standard_normal(1000)
    printed = np.array([float(f"{one:.5g}") for one in value])
    printed[115] = printed[114]
    signals = {"loss": Series(steps, printed)}
    assert printed[114] > 1
    decimals = {"loss": 5} if digits == 5 else {}
    kinds = {one.kind for one in diagnose(Trace(signals, "step", decimals=decimals), Facts())}
    assert "repeated-loss" not in kinds


def two_kinds_of_batches(share: float, apart: float = 1.0) -> np.ndarray:
    chance = np.random.default_rng(1)
    return LOSS + np.where((STEPS > 200) & (chance.random(400) < share), apart, 0.0)


def test_a_part_of_the_batches_that_is_bad_from_a_step_on_is_no_spike() -> None:
    kinds = found(loss=two_kinds_of_batches(0.4))
    assert not {"spike", "loss-drop", "diverged"} & kinds.keys()
    levels = kinds["two-levels"]
    assert abs((levels.first_step or 0) - 201) < 8
    assert levels.evidence["share"] == pytest.approx(0.4, abs=0.08)
    assert levels.evidence["higher_level"] - levels.evidence["lower_level"] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    "loss",
    [
        two_kinds_of_batches(0.05),  # rare
        two_kinds_of_batches(0.4, apart=0.1),  # not apart
        LOSS + np.where(np.arange(400) % 3 == 0, 1.0, 0.0),  # from the start
        LOSS + np.where((STEPS > 200) & (STEPS < 300), two_kinds_of_batches(0.4) - LOSS, 0.0),  # over
        LOSS + (STEPS > 200),  # all of them
        LOSS + np.abs(np.random.default_rng(2).standard_cauchy(400)) * 0.2,  # a tail
    ],
)
def test_what_is_no_second_level(loss: np.ndarray) -> None:
    assert "two-levels" not in found(loss=loss)


def test_a_rise_at_the_very_end_has_not_diverged() -> None:
    risen = LOSS.copy()
    risen[-1] += 3
    spike = found(loss=risen)["spike"]
    assert (spike.severity, spike.evidence["outcome"]) == ("warning", "at the end")
    assert "the run ends there" in str(spike.sentence)
    risen[-40:] += 3
    assert "diverged" in found(loss=risen)


def test_a_mean_over_one_row_scatters() -> None:
    last = np.arange(1, 401) % 20 == 0
    high = LOSS + np.where(STEPS == 300, 3.0, 0.0)
    assert "spike" in found(loss=high)
    assert "spike" not in found(loss=high, rows=np.where(last, 1.0, 32.0))
    assert "spike" in found(loss=LOSS + np.where(STEPS == 301, 3.0, 0.0), rows=np.where(last, 1.0, 32.0))


def test_a_slow_rise_is_no_jump_at_its_peak() -> None:
    slow = LOSS + np.clip((STEPS - 200) / 10, 0, 5)
    at_once = LOSS + np.where(STEPS >= 200, 5.0, 0.0)
    said = str(found(loss=slow)["diverged"].sentence)
    assert "rises from" in said
    assert "jumps" not in said
    assert "jumps from" in str(found(loss=at_once)["diverged"].sentence)


@pytest.mark.parametrize(("training", "is_said"), [(LOSS, True), (np.where(STEPS < 60, LOSS, LOSS[59]), False)])
def test_an_evaluation_is_not_stale_where_nothing_moves(training: np.ndarray, is_said: bool) -> None:
    validation = np.where(EVALUATED < 100, 2.5 - EVALUATED / 100, 1.234567)
    assert ("stale-evaluation" in found(loss=training, validation_loss=(EVALUATED, validation))) is is_said


@pytest.mark.parametrize(("accuracy", "is_lost"), [(0.86, False), (0.3, True)])
def test_a_model_that_answers_rightly_is_not_lost(accuracy: float, is_lost: bool) -> None:
    trace = trace_of(
        loss=np.where(STEPS < 300, LOSS, 2.6 + NOISE),
        validation_accuracy=(EVALUATED, np.where(EVALUATED < 300, 0.5 + EVALUATED / 700, accuracy)),
    )
    assert (lost_model(trace, RECORD) is not None) is is_lost


@pytest.mark.parametrize(("highest", "is_said"), [(0.0045, True), (0.1, False)])
def test_a_schedule_that_never_comes_near_what_it_was_given(highest: float, is_said: bool) -> None:
    rate = 0.004 + (highest - 0.004) * np.sin(np.pi * STEPS / 400)
    finding = found(Facts(origin="record", ended=True, planned_rate=0.1), learning_rate=rate).get("warm-up-unfinished")
    assert (finding is not None) is is_said
    if finding is not None:
        assert "reaches 0.0045 at most" in str(finding.sentence)


def test_a_contrastive_loss_that_falls_back_to_chance() -> None:
    loss = np.where(STEPS < 200, np.log(64) * np.exp(-STEPS / 40) + 0.1, np.log(64)) + 0.2 * NOISE
    chance = found(Facts(origin="record", kind="contrastive"), loss=loss, rows=64.0)
    assert "from step 2" in str(chance["contrastive-at-chance"].sentence)
    assert {one.follows for one in chance.values() if one.kind in {"spike", "diverged"}} == {"contrastive-at-chance"}
    other = found(Facts(origin="record", kind="contrastive"), loss=loss, rows=32.0)
    assert "contrastive-at-chance" not in other


def test_a_mask_that_is_lost_on_the_way() -> None:
    seen = np.where(SAMPLED < 260, 0.0, 0.3)
    causal = found(later_tokens_seen=(SAMPLED, seen), target_is_next=(SAMPLED, 1.0))["not-causal"]
    assert causal.first_step == 260
    assert "from step 260 at the latest the output" in str(causal.sentence)
    always = found(later_tokens_seen=(SAMPLED, 0.3), target_is_next=(SAMPLED, 1.0))["not-causal"]
    assert str(always.sentence).startswith("the output")
    assert "not-causal" not in found(later_tokens_seen=(SAMPLED, 0.0), target_is_next=(SAMPLED, 1.0))


@pytest.mark.parametrize(("rows", "is_said"), [(64, True), (265, False)])
def test_full_batches_of_all_rows_that_there_are_are_meant(rows: int, is_said: bool) -> None:
    again = {"rows_repeated": (STEPS[1:], 1.0), "rows_distinct": (SAMPLED, float(rows)), "rows_seen": (STEPS, 1.0)}
    evaluated = {"validation_rows": (EVALUATED, 1000.0), "validation_rows_seen": (EVALUATED, 0.0)}
    kinds = found(validation_loss=(EVALUATED, 2.0 - EVALUATED / 1000), **again, **evaluated)
    assert ("repeated-batch" in kinds) is is_said


def test_inputs_that_change_show_in_the_next_evaluation() -> None:
    scale = np.where(SAMPLED >= 170, 2.7, 1.0) * (1 + 0.01 * np.sin(SAMPLED))
    evaluations = np.arange(50, 401, 50)
    validation = (evaluations, np.where(evaluations < 170, 2.3 - evaluations / 100, 3.5))
    kinds = found(validation_loss=validation, input_std=(SAMPLED, scale), input_mean=(SAMPLED, 0.0 * scale), rows=32.0)
    assert kinds["diverged"].follows == "changed-inputs"


def test_what_stands_follows_from_updates_that_are_lost() -> None:
    layers = (Layer("body", "Linear", 100), Layer("head", "Linear", 100))
    still = {"update_norm__body": (SAMPLED, 0.0), "update_norm__head": (SAMPLED, 0.0), "weights_still": (SAMPLED, 0.9)}
    still |= {f"gradient_norm__{name}": (SAMPLED, 1.0) for name in ("body", "head")}
    kinds = found(Facts(origin="record", layers=layers), loss=2.3 + NOISE, gradient_norm=0.0 * STEPS, **still)
    alarms = {kind: one.follows for kind, one in kinds.items() if one.severity != "note"}
    assert alarms.get("plateau") in {"no-gradient", "lost-updates"}


@pytest.mark.parametrize(("rate", "is_said"), [(0.4, False), (0.01, True)])
def test_a_loss_that_came_to_rest_repeats_itself(rate: float, is_said: bool) -> None:
    loss = 0.3 + 2 * np.exp(-rate * np.minimum(STEPS, 60))
    assert ("repeated-loss" in found(Facts(), loss=loss)) is is_said


def test_the_rows_of_an_evaluation_say_how_many_were_right() -> None:
    rows = {"validation_rows": (EVALUATED, 114.0), "validation_loss": (EVALUATED, 2 - EVALUATED / 400)}
    constant = found(validation_accuracy=(EVALUATED, 110 / 114), **rows)["constant-accuracy"]
    assert "110 of 114" in str(constant.sentence)


@pytest.mark.parametrize(("first", "is_said"), [(2e-9, False), (1e-4, True)])
def test_a_warm_up_in_few_steps_is_no_jump(first: float, is_said: bool) -> None:
    rate = np.where(STEPS <= 40, first, np.where(STEPS <= 80, 1e-3, 2e-3 * (1 - STEPS / 500)))
    assert ("learning-rate-jump" in found(learning_rate=rate)) is is_said


@pytest.mark.parametrize(("length", "last"), [(10, 202), (10, 400), (150, 202)])
def test_a_rate_that_jumps_after_its_warm_up_is_a_jump(length: int, last: int) -> None:
    """For good, where the warm-up was over long before; for three updates also soon after it."""
    warmed = 1e-3 * np.minimum(1, STEPS / length)
    rate = np.where((STEPS >= 200) & (last >= STEPS), 0.1, warmed)
    assert found(learning_rate=rate)["learning-rate-jump"].first_step == 200


def test_a_warm_up_in_equal_stairs_is_no_jump() -> None:
    rate = np.select([STEPS <= 40, STEPS <= 80, STEPS <= 120], [1e-6, 1e-4, 1e-3], 1e-2)
    assert "learning-rate-jump" not in found(learning_rate=rate)


@pytest.mark.parametrize(("each", "severity"), [(14, "note"), (60, "warning")])
def test_weights_that_are_clamped_from_a_step_on_are_seen_at_each_look(each: int, severity: str) -> None:
    """Of 14 tensors one is held against before each update: a clamp shows at each look at its tensor."""
    steps = np.arange(120, 401, each) + np.arange(len(np.arange(120, 401, each))) % 3
    finding = found(ledger_share=1 / 14, weights_changed__cell=(steps, 1.0))["changed-state"]
    assert finding.severity == severity


@pytest.mark.parametrize(("before", "is_said"), [(0.05, True), (0.28, False)])
def test_texts_without_a_target_that_are_as_many_as_before_are_drawn_by_chance(before: float, is_said: bool) -> None:
    share = np.where(SAMPLED < 200, before, 0.3)
    share[SAMPLED == 190] = 0.05
    kinds = found(rows_unasked=(SAMPLED, share), cross_entropy=(SAMPLED, 1.0))
    assert ("unasked-rows" in kinds) is is_said


@pytest.mark.parametrize(("last", "is_said"), [(0.05, False), (1.0, True)])
def test_a_loss_beside_an_exploration_that_falls_is_a_policys(last: float, is_said: bool) -> None:
    risen = np.linspace(0.1, 20, 400) ** 1.5 + 0.1
    kinds = found(Facts(), loss=risen, epsilon=np.linspace(1, last, 400))
    assert any(one.severity != "note" for one in kinds.values()) is is_said


@pytest.mark.parametrize(("end", "is_said"), [(-1.5, False), (-0.5, True)])
def test_of_a_density_too_sizes_within_a_model_that_learns_are_borne(end: float, is_said: bool) -> None:
    loss = np.linspace(-0.4, end, 400) + NOISE if not is_said else -0.4 - 0.8 * np.sin(np.pi * STEPS / 400) + NOISE
    ratio = {
        "update_ratio__body": (SAMPLED, 0.3),
        "update_norm__body": (SAMPLED, 3.0),
        "weight_norm__body": (SAMPLED, 10.0),
    }
    kinds = found(Facts(origin="record", layers=(Layer("body", "Linear", 100),)), loss=loss, **ratio)
    assert (kinds["update-ratio"].severity != "note") is is_said


@pytest.mark.parametrize(("gradient", "is_named"), [(1.0, True), (0.0, False)])
def test_a_layer_that_no_gradient_reaches_may_be_one_that_is_not_used(gradient: float, is_named: bool) -> None:
    layers = (Layer("body", "Linear", 100), Layer("norm", "BatchNorm1d", 10), Layer("head", "Linear", 50))
    moves = {f"update_norm__{name}": (SAMPLED, 0.0 if name == "norm" else 0.1) for name in ("body", "norm", "head")}
    moves |= {
        f"gradient_norm__{name}": (SAMPLED, gradient if name == "norm" else 1.0) for name in ("body", "norm", "head")
    }
    frozen = found(Facts(origin="record", layers=layers), activation_rms__norm=(SAMPLED, 1.0), **moves)["frozen-layer"]
    assert frozen.severity == "warning"
    assert bool(frozen.causes) is is_named


@pytest.mark.parametrize(
    ("equal", "said"), [(0.97, "all rows of each batch are one and the same"), (0.0, "the same batch, row for row")]
)
def test_blank_inputs_are_no_batch_that_comes_again(equal: float, said: str) -> None:
    again = STEPS[(STEPS > 200) & (STEPS <= 240)]
    finding = found(rows_repeated=(again, 1.0), rows_equal=(again, equal), rows_seen=(STEPS, 0.0))["repeated-batch"]
    assert said in str(finding.sentence)
    assert bool(finding.causes) is (equal == 0)


@pytest.mark.parametrize(("behind", "said"), [(0.0, "recovers by step"), (0.4, "is down to")])
def test_a_spike_that_does_not_come_back_whole(behind: float, said: str) -> None:
    late = np.where(STEPS < 208, 9.0, behind)
    assert said in str(found(loss=LOSS + np.where(STEPS < 200, 0.0, late))["spike"].sentence)


@pytest.mark.parametrize(("still", "severity"), [(3, "note"), (0, "warning")])
def test_the_last_of_a_row_that_no_gradient_reaches_is_not_used(still: int, severity: str) -> None:
    """As in Graph WaveNet, whose last graph convolution feeds nothing; a first one is cut off."""
    names = [f"convs.{at}" for at in range(4)]
    layers = (*(Layer(name, "Conv1d", 10) for name in names), Layer("head", "Linear", 50))
    moves: dict[str, Any] = {"activation_rms__head": (SAMPLED, 1.0)}
    for name in [*names, "head"]:
        size = 0.0 if name == f"convs.{still}" else 1.0
        moves |= {f"update_norm__{name}": (SAMPLED, 0.1 * size), f"gradient_norm__{name}": (SAMPLED, size)}
        moves[f"activation_rms__{name}"] = (SAMPLED, 1.0)
    assert found(Facts(origin="record", layers=layers), **moves)["frozen-layer"].severity == severity


def test_of_a_long_log_points_at_equal_distances_tell_the_levels() -> None:
    chance = np.random.default_rng(5)
    steps = np.arange(50_000)
    loss = 2 * np.exp(-steps / 20_000) + 0.3 + 0.02 * chance.standard_normal(50_000)
    loss += np.where((steps >= 30_000) & (chance.random(50_000) < 0.4), 1.0, 0.0)
    found_at = two_levels(loss)
    assert found_at is not None
    assert abs(found_at.first - 30_000) < 100
    assert found_at.share == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("last", "said"), [(0.42, "although ndcg has risen from 0.1 to 0.42"), (0.11, "nothing was learnt")]
)
def test_a_loss_that_stands_is_not_all_that_was_learnt(last: float, said: str) -> None:
    """A ranking whose loss is a sum over pairs: its measure of quality rises all the same."""
    stands = found(loss=355 * (1 + NOISE / 10), ndcg=(EVALUATED, np.linspace(0.1, last, len(EVALUATED))))
    assert said in str(stands["plateau"].sentence)


@pytest.mark.parametrize(("log", "severity"), [(Facts(), "note"), (Facts(vocabulary=32), "warning")])
def test_a_loss_of_nearly_nothing_is_too_good_of_text_alone(log: Facts, severity: str) -> None:
    """Speech whose characters are told by its sounds comes down to nearly nothing, on held-out rows too."""
    loss = 3.4 * np.exp(-STEPS / 20) + 0.02
    assert found(log, loss=loss, validation_loss=(EVALUATED, loss[EVALUATED - 1]))["too-good"].severity == severity
