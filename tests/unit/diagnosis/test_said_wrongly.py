"""Sentences that were false of runs which somebody else had made, each beside a run of which they are true."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.schedule import jumps
from newllm.trace import Finding, Series, Trace

STEPS, SAMPLED = np.arange(1, 401), np.arange(10, 401, 10)
CHANCE = np.random.default_rng(0)
LOSS = 2 * np.exp(-STEPS / 150) + 0.3 + 0.01 * CHANCE.standard_normal(400)
NETWORK = tuple(Layer(name, "Linear", 100, True, 0.1) for name in ("body", "head"))


def found(facts: Facts = Facts(origin="record"), **signals: Any) -> dict[str, Finding]:  # noqa: B008
    trace = {}
    for name, value in ({"loss": LOSS} | signals).items():
        at, values = value if isinstance(value, tuple) else (STEPS, value)
        trace[name.replace("__", "/")] = Series(at, np.broadcast_to(values, at.shape).astype(float))
    return {one.kind: one for one in reversed(diagnose(Trace(trace, "step"), facts))}


@pytest.mark.parametrize(("changed", "is_said"), [(0.7, True), (0.15, False)])
def test_targets_that_change_from_a_step_on_though_rows_are_drawn_by_chance(changed: float, is_said: bool) -> None:
    seen = np.minimum(1, STEPS / 300)
    again = {"targets_again": (SAMPLED, 15.0), "rows_seen": seen, "target_classes_seen": (SAMPLED, 5.0)}
    finding = found(targets_changed=(SAMPLED, np.where(SAMPLED >= 200, changed, 0.0)), **again).get("changed-targets")
    assert (finding is not None) is is_said
    if finding is not None:
        assert "from step 200 on 70 % of 315 inputs that came again have another target" in str(finding.sentence)
    noisy = found(targets_changed=(SAMPLED, np.where(SAMPLED >= 200, changed, 0.1)), **again)
    assert "changed-targets" not in noisy  # where one input has several targets from the start


def test_what_had_been_learnt_before_a_change_was_no_easy_data() -> None:
    lost = np.where(STEPS < 120, 1.6, np.where(STEPS < 200, np.maximum(0.3, 1.6 - (STEPS - 120) / 20), 1.6))
    lost = lost + 0.01 * CHANCE.standard_normal(400)
    assert "loss-drop" in found(loss=lost)
    kinds = found(
        loss=lost + np.where((STEPS >= 200) & (STEPS < 215), 1.5, 0.0), weights_changed__head=(SAMPLED[19:20], 1.0)
    )
    assert "changed-state" in kinds
    assert "loss-drop" not in kinds


@pytest.mark.parametrize(("end", "is_said"), [(1e-4, False), (0.9, True)])
def test_decay_is_most_of_an_update_where_nothing_is_left_to_learn(end: float, is_said: bool) -> None:
    learnt = 1 - (1 - end) * np.minimum(1, STEPS / 100)
    share = np.where(learnt[SAMPLED - 1] < 0.1 * LOSS[0], 0.9, 0.9 if is_said else 0.02)
    of_decay = {f"{name}/{layer.name}": (SAMPLED, value) for layer in NETWORK for name, value in
                (("weight_norm", 10.0), ("update_norm", 1e-3 * 0.1 * 10 / share), ("gradient_norm", 1e-3))}  # fmt: skip
    kinds = found(Facts(origin="record", layers=NETWORK), loss=learnt, learning_rate=1e-3, **of_decay)
    assert ("weight-decay" in kinds) is is_said


def moving(**more: Any) -> dict[str, Finding]:
    still = {"update_norm__body": (SAMPLED, 0.01), "update_norm__head": (SAMPLED, 0.0)}
    still |= {f"gradient_norm__{name}": (SAMPLED, 1.0) for name in ("body", "head")}
    return found(Facts(origin="record", layers=NETWORK), **(still | more))


def test_weights_of_16_bits_that_never_move_are_not_frozen() -> None:
    assert "frozen-layer" in moving()
    kinds = moving(weights_still=(SAMPLED, 0.1))
    assert "frozen-layer" not in kinds
    assert "head has gradients and never moves: in weights of 16 bits" in str(kinds["lost-updates"].sentence)
    assert [cause.name for cause in kinds["lost-updates"].causes or ()] == ["lost-updates"]


def test_a_frozen_part_that_something_moves_does_not_never_move() -> None:
    frozen = Facts(origin="record", layers=(NETWORK[0], Layer("head", "Linear", 100, trained=False, given=False)))
    still = {"update_norm__body": (SAMPLED, 0.01), "update_norm__head": (SAMPLED, 0.0)}
    assert "frozen-layer" in found(frozen, **still)
    assert "frozen-layer" not in found(frozen, frozen_changed__head=(SAMPLED, 1.0), **still)


@pytest.mark.parametrize(("kind", "is_said"), [(None, True), ("adversarial", False)])
def test_a_gradient_that_an_optimizer_never_reads(kind: str | None, is_said: bool) -> None:
    mismatch = np.where(abs(SAMPLED - 150) < 50, 30.0, 1.0)
    kinds = found(Facts(origin="record", kind=kind), second_moment_mismatch__d=(SAMPLED, mismatch))
    assert ("second-moment" in kinds) is is_said


@pytest.mark.parametrize(("before", "at"), [(4, []), (40, [200])])
def test_the_end_of_a_dip_of_the_rate_is_no_jump(before: int, at: list[int]) -> None:
    rate = np.where((200 - before <= STEPS) & (STEPS < 200), 0.005, 0.01)
    assert [one.step for one in jumps(Trace({"learning_rate": Series(STEPS, rate)}, "step"))] == at


@pytest.mark.parametrize(("times", "at"), [(1.8, []), (30.0, [200])])
def test_a_rate_that_is_scaled_by_each_batch_jumps_when_it_is_far_from_that(times: float, at: list[int]) -> None:
    rate = 10 * np.random.default_rng(1).uniform(0.7, 1.0, 400) * np.where(STEPS == 200, times, 1.0)
    assert [one.step for one in jumps(Trace({"learning_rate": Series(STEPS, rate)}, "step"))] == at


def test_a_schedule_that_begins_anew_has_not_turned() -> None:
    warm = np.minimum(1, np.arange(200) / 40) * np.cos(np.arange(200) / 200)
    assert "schedule-turned" not in found(learning_rate=np.concatenate([warm, warm]))


def reward(after: float) -> dict[str, Finding]:
    value = np.r_[np.linspace(20, 180, 25), np.full(35, after)] + CHANCE.normal(0, 4, 60)
    at = np.arange(1, 61)
    return found(
        Facts(origin="record", kind="reinforcement"), loss=(at, 20.0 + CHANCE.normal(0, 1, 60)), reward=(at, value)
    )


@pytest.mark.parametrize(("after", "is_said"), [(100.0, True), (150.0, False)])
def test_a_reward_that_falls_at_once_and_stays_there(after: float, is_said: bool) -> None:
    assert ("reward-falls" in reward(after)) is is_said


@pytest.mark.parametrize(
    ("rate", "said"), [(np.cos(STEPS / 400), "at equal distances"), (None, "schedule starts again")]
)
def test_spikes_at_equal_distances_are_no_restarts_of_a_rate_that_only_falls(rate: Any, said: str) -> None:
    loss = LOSS + np.where((STEPS % 80 < 4) & (STEPS > 60) & (STEPS < 390), 3.0, 0.0)
    kinds = found(loss=loss, **({} if rate is None else {"learning_rate": rate}))
    assert said in str(kinds["spike"].sentence)


@pytest.mark.parametrize(("share", "is_said"), [(0.4, False), (1.0, True)])
def test_a_gap_that_most_evaluations_do_not_have(share: float, is_said: bool) -> None:
    at = STEPS[9::10]
    far = np.arange(len(at)) < 2
    far |= np.arange(len(at)) >= len(at) - 2
    far |= np.arange(len(at)) % 10 < 10 * share
    kinds = found(validation_loss=(at, LOSS[at - 1] * np.where(far, 2.5, 1.0)))
    assert ("validation-gap" in kinds) is is_said
