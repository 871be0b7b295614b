"""Sound trainings of published code that once raised an alarm (benchmarks/public_code), each beside a faulty twin."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import newllm
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.roles import roles_of
from newllm.trace import Series, Trace

pytestmark = pytest.mark.usefixtures("whatever_was_right")

STEPS = np.arange(1, 201)
FALLS = 2 * np.exp(-STEPS / 60) + 0.1


def trace_of(**signals: np.ndarray) -> Trace:
    return Trace({name.replace("__", "/"): Series(np.arange(1, len(v) + 1), v) for name, v in signals.items()})


def alarms(trace: Trace, facts: Facts = Facts()) -> list[str]:  # noqa: B008
    return [one.kind for one in diagnose(trace, facts) if one.severity != "note"]


@pytest.mark.parametrize(("row_numbers", "is_said"), [(784.0, False), (8.0, True)])
def test_a_loss_that_is_summed_over_pictures_says_nothing_of_its_targets(row_numbers: float, is_said: bool) -> None:
    grown = np.geomspace(0.23, 30, 200)
    trace = trace_of(
        loss=np.r_[[6.7e4] * 3, np.linspace(6.7e4, 1.5e4, 197)], rows=np.full(200, 128.0),
        row_numbers=np.full(200, row_numbers), activation_rms__out=grown,
    )  # fmt: skip
    assert ("target-scale" in alarms(trace)) is is_said


@pytest.mark.parametrize(("rows", "is_said"), [(128.0, False), (20.0, True)])
def test_a_sum_over_rows_beside_a_mean(rows: float, is_said: bool) -> None:
    trace = trace_of(loss=125 * (FALLS + 1), validation_loss=FALLS + 1, rows=np.full(200, rows))
    assert ("training-above-validation" in alarms(trace)) is is_said


def test_of_rewards_the_average_is_judged(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("".join(f"Episode {n}\tLast reward: {9 * n % 50}.00\tAverage reward: {n}.50\n" for n in range(40)))
    trace = newllm.doctor(log).trace
    assert {"reward", "Average reward"} <= set(trace.signals)
    assert roles_of(trace).first("reward") == "Average reward"


@pytest.mark.parametrize(("bad", "is_said"), [(5, False), (12, True)])
def test_a_few_bad_days_of_a_policy(bad: int, is_said: bool) -> None:
    reward = np.r_[np.linspace(10, 400, 40 - bad), np.full(bad, 190.0)]
    assert ("reward-falls" in alarms(trace_of(reward=reward, policy_loss=-reward / 100))) is is_said


@pytest.mark.parametrize(("later", "is_said"), [((0.66, 0.75), False), ((0.36, 0.35), True)])
def test_a_rise_among_few_points_that_others_reach_too(later: tuple[float, float], is_said: bool) -> None:
    loss = np.array(
        [
            0.45,
            0.44,
            0.43,
            0.44,
            0.42,
            0.43,
            0.42,
            0.73,
            0.40,
            0.39,
            0.4,
            0.38,
            0.39,
            0.37,
            0.38,
            0.37,
            0.38,
            0.36,
            0.37,
            0.36,
        ]
    )
    loss[[11, 15]] = later
    assert ("spike" in alarms(trace_of(loss=loss))) is is_said


def test_a_low_point_among_few() -> None:
    loss = np.array([0.45, 0.44, 0.43, 0.44, 0.42, 0.43, 0.42, 0.11, 0.12, 0.41, 0.4, 0.41, 0.42, 0.4, 0.41, 0.4])
    assert "loss-drop" not in alarms(trace_of(loss=loss))
    assert "loss-drop" in alarms(trace_of(loss=np.r_[loss[:7], loss[:7], loss[:9], loss[9:], loss[:7], loss[:7]]))


@pytest.mark.parametrize(("end", "is_said"), [(-2.0, False), (-0.9, True)])
def test_one_row_outside_of_a_narrow_density(end: float, is_said: bool) -> None:
    loss = np.r_[np.linspace(1, -0.9, 100), [14.0], np.linspace(-0.9, end, 199)]
    loss = loss + 0.03 * np.random.default_rng(0).standard_normal(300)
    assert ("spike" in alarms(trace_of(loss=loss))) is is_said


@pytest.mark.parametrize(("kinds", "is_said"), [(True, False), (False, True)])
def test_rows_that_are_alike_by_chance(kinds: bool, is_said: bool) -> None:
    first = 0.97 * (1 - np.exp(-STEPS[:100] / 25)) if kinds else np.zeros(100)
    seen = np.r_[first, np.ones(100)]
    at = np.arange(100.0, 201.0, 20)
    evaluated = {"validation_rows_seen": 0.95, "validation_rows": 500.0, "validation_input_std": 1.0}
    signals = {"loss": Series(STEPS, FALLS), "rows_seen": Series(STEPS, seen)}
    signals["rows_distinct"] = Series(STEPS, np.linspace(10, 1700, 200))
    signals |= {name: Series(at, np.full(6, value)) for name, value in evaluated.items()}
    assert ("trained-validation" in alarms(Trace(signals))) is is_said


def test_what_training_shows_comes_before_what_its_evaluations_show() -> None:
    loss = np.r_[np.linspace(2, 0.9, 100), np.full(40, 3.2), np.linspace(1.2, 0.9, 60)]
    validation = Series(np.arange(20.0, 201, 20), np.r_[np.linspace(1.9, 0.9, 5), 1.6, 2.4, 2.7, 2.9, 3.1])
    found = diagnose(Trace({"loss": Series(STEPS, loss), "validation_loss": validation}), Facts(vocabulary=8))
    assert (found[0].signal, found[0].severity) == ("loss", "fault")


@pytest.mark.parametrize("kind", ["adversarial", None])
def test_a_gradient_that_grows_smoothly_as_an_opponent_becomes_better(kind: str | None) -> None:
    trace = trace_of(gradient_norm=np.linspace(0.1, 13, 200) ** 0.5, loss=np.linspace(0.6, 5.4, 200))
    found = [one.kind for one in diagnose(trace, Facts(kind=kind))]
    assert ("gradient-carried" in found) is (kind is None)


@pytest.mark.parametrize(("line", "is_said"), [("Loss: {loss}", False), ("step {step} loss {loss}", True)])
def test_layers_that_are_trained_one_after_the_other(tmp_path: Path, line: str, is_said: bool) -> None:
    once = [1.127, 0.764, 0.709, 0.687, 0.682, 0.68, 0.677, 0.675, 0.673, 0.671, 0.668, 0.664, 0.659, 0.652, 0.644]
    (tmp_path / "log.txt").write_text("\n".join(line.format(step=n, loss=x) for n, x in enumerate(once + once)))
    found = [one.kind for one in newllm.doctor(tmp_path / "log.txt").findings if one.severity != "note"]
    assert ("spike" in found) is is_said


@pytest.mark.parametrize(("end", "is_said"), [(0.5, False), (1.9, True)])
def test_what_only_the_inside_shows_of_a_model_that_learns(end: float, is_said: bool) -> None:
    trace = trace_of(loss=np.linspace(2, end, 200), context_norm=np.geomspace(0.9, 40, 200))
    assert "activation-growth" in [one.kind for one in diagnose(trace)]
    assert ("activation-growth" in alarms(trace)) is is_said


@pytest.mark.parametrize(("end", "is_said"), [(400.0, False), (10.0, True)])
def test_a_first_update_that_is_large_of_a_policy_that_does_well(end: float, is_said: bool) -> None:
    ratio = np.r_[0.54, np.full(199, 1e-3)]
    weight = np.r_[1.0, np.full(199, 20.0)]
    reward = np.linspace(10, end, 200)
    trace = trace_of(loss=1 + reward / 1e3, reward=reward, update_ratio__head=ratio, weight_norm__head=weight)
    assert ("update-ratio" in alarms(trace)) is is_said


@pytest.mark.parametrize(("multiple", "is_said"), [(9.1, False), (1.0, True)])
def test_a_loss_that_is_summed_over_the_tokens_of_a_text(multiple: float, is_said: bool) -> None:
    trace = trace_of(loss=np.linspace(70, 40, 200), loss_multiple=np.full(200, multiple))
    found = [one.kind for one in diagnose(trace, Facts(vocabulary=1633))]
    assert ("worse-than-uniform" in found) is is_said


def test_a_measure_that_is_named_once_for_both_splits(tmp_path: Path) -> None:
    line = "loss training: {loss}\naccuracy train: {train} test: {test}\n"
    rows = [line.format(loss=3 / (n + 1), train=0.9, test=0.91) for n in range(10)]
    (tmp_path / "log.txt").write_text("".join(rows))
    trace = newllm.doctor(tmp_path / "log.txt").trace
    assert "validation_loss" not in trace.signals
    assert trace.series("validation_accuracy").value.tolist() == [0.91] * 10


def test_a_parameter_of_the_model_itself_that_nothing_uses() -> None:
    still, moves = np.zeros(200), np.full(200, 1e-3)
    norms = {"update_norm__.": still, "update_norm__a": moves, "update_ratio__a": moves, "gradient_norm__a": moves}
    trace = trace_of(loss=FALLS, weight_norm__a=np.linspace(1, 2, 200), **norms)
    layers = (Layer(".", "Net", 4), Layer("a", "Linear", 100))
    assert "frozen-layer" not in alarms(trace, Facts(layers=layers))


@pytest.mark.parametrize(("silent", "is_said"), [(5, False), (60, True)])
def test_a_spiking_net_says_the_same_until_its_first_spike(silent: int, is_said: bool) -> None:
    loss = np.r_[np.full(silent, 250.0), 250 * FALLS[: 200 - silent] / FALLS[0] + np.sin(STEPS[: 200 - silent])]
    assert ("repeated-loss" in alarms(trace_of(loss=loss))) is is_said


@pytest.mark.parametrize(("end", "is_said"), [(0.02, False), (1e-6, True)])
def test_layers_that_begin_with_next_to_no_gradient_and_have_one_soon(end: float, is_said: bool) -> None:
    gradients = {f"gradient_norm__{name}": np.full(200, 0.5) for name in ("a", "b", "c")}
    trace = trace_of(loss=FALLS + 10, **gradients, gradient_norm__dt=np.r_[[4e-7], np.full(199, end)])
    assert ("vanishing-gradient" in alarms(trace)) is is_said


@pytest.mark.parametrize(("kind", "is_said"), [("LayerNorm", False), ("Linear", True)])
def test_normalisations_that_the_optimizer_was_not_given(kind: str, is_said: bool) -> None:
    layers = ("a", "b", "norm")
    signals = {f"{one}__{name}": np.full(200, 0.5) for one in ("gradient_norm", "update_norm") for name in layers}
    signals["update_norm__norm"] = np.zeros(200)
    facts = Facts(layers=tuple(Layer(n, kind if n == "norm" else "Linear", 64, given=n != "norm") for n in layers))
    assert ("frozen-layer" in alarms(trace_of(loss=FALLS, **signals), facts)) is is_said


def test_a_layer_whose_name_says_loss_or_lm_is_no_part_of_the_loss() -> None:
    of_layer = {f"update_norm__{name}": np.full(200, 0.01) for name in ("mask_lm.linear", "loss.linear")}
    assert "dominated-part" not in alarms(trace_of(loss=FALLS + 5, **of_layer))
    assert "dominated-part" in alarms(trace_of(loss=FALLS + 5, lm_loss=np.full(200, 0.01)))


@pytest.mark.parametrize(("name", "is_said"), [(".", False), ("deep", True)])
def test_parameters_of_a_model_itself_are_no_layer_that_vanishes(name: str, is_said: bool) -> None:
    gradients = {f"gradient_norm__{one}": np.full(200, 0.5) for one in ("a", "b", "c")}
    trace = trace_of(loss=FALLS + 10, **gradients, **{f"gradient_norm__{name}": np.full(200, 1e-5)})
    assert ("vanishing-gradient" in alarms(trace)) is is_said


@pytest.mark.parametrize(("shift", "is_said"), [(-3.0, False), (3.0, True)])
def test_the_first_update_of_a_density_whose_weights_begin_small(shift: float, is_said: bool) -> None:
    loss = np.linspace(-2.4, -1.2, 200) + shift + 0.6  # it rises, so that nothing says it has been learnt
    ratio, weights = np.r_[[0.84], np.full(199, 1e-3)], np.r_[[0.01], np.full(199, 2.0)]
    trace = trace_of(loss=loss, update_ratio__a=ratio, weight_norm__a=weights, update_norm__a=ratio * weights)
    assert ("update-ratio" in alarms(trace)) is is_said


@pytest.mark.parametrize(("start", "is_said"), [(5.4, False), (3.0, True)])
def test_a_first_evaluation_of_one_easy_task_tells_no_level(start: float, is_said: bool) -> None:
    steps, at = np.arange(1, 5001), np.r_[[1], np.arange(250, 5001, 250)]
    loss = start * (1 + 0.1 * np.sin(steps)) * np.linspace(1, 0.6, 5000)
    signals = {"loss": Series(steps, loss), "validation_loss": Series(at, np.r_[[0.77], np.linspace(4.3, 2.9, 20)])}
    assert ("worse-than-untrained" in alarms(Trace(signals))) is is_said


@pytest.mark.parametrize(("end", "is_said"), [(0.5, False), (1e-6, True)])
def test_a_branch_that_begins_at_nothing_beside_a_model_whose_signal_ends_at_nothing(end: float, is_said: bool) -> None:
    faint = {f"gradient_norm__{name}": np.r_[[1e-13], np.full(199, 0.1)] for name in ("b", "c")}
    outputs = {f"activation_rms__{name}": np.full(200, 0.5) for name in ("a", "b", "c")}
    trace = trace_of(
        loss=FALLS + 10, gradient_norm__a=np.full(200, 0.5), **faint, **outputs,
        activation_rms__d=np.r_[[end], np.full(199, 0.5)],
    )  # fmt: skip
    assert ("vanishing-gradient" in alarms(trace)) is is_said


@pytest.mark.parametrize(("origin", "is_said"), [(None, True), ("record", False)])
def test_a_gradient_that_grows_smoothly_was_cleared_where_the_recorder_looked(origin: Any, is_said: bool) -> None:
    norm = np.r_[np.geomspace(0.1, 1.5, 50), np.full(150, 1.5)] * (1 + 0.002 * np.sin(STEPS))
    trace = trace_of(loss=np.linspace(0.9, 0.55, 200), gradient_norm=norm)
    assert ("gradient-carried" in alarms(trace, Facts(origin=origin))) is is_said
