"""Nothing above a note on healthy losses of many kinds."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newllm.diagnosis.diagnose import diagnose
from newllm.trace import Series, Trace

KINDS = ("epoch", "short", "step", "heavy", "restarts", "decay", "small-batch", "regression", "negative", "growing")


def healthy(kind: str, seed: int) -> np.ndarray:
    """Make the loss of a healthy run."""
    chance = np.random.default_rng(seed)
    points = {"epoch": int(chance.integers(8, 300)), "short": int(chance.integers(8, 14))}.get(
        kind, int(chance.integers(60, 1500))
    )
    at = np.arange(points)
    start = math.exp(chance.uniform(math.log(0.5), math.log(12)))
    end = start * chance.uniform(0.1, 0.8)
    level = end + (start - end) * np.exp(-at / (chance.uniform(0.05, 0.6) * points))
    noise = {"epoch": 0.05, "short": 0.05, "small-batch": 0.4}.get(kind, 0.15) * chance.uniform()
    chances = chance.normal(size=points)
    if kind == "heavy":
        chances = chance.standard_t(6, size=points) if chance.random() < 0.5 else chance.exponential(size=points) - 1
    if kind == "restarts":
        cycle = points / chance.integers(3, 6)
        level = level * (1 + 0.1 * chance.uniform() * (1 - at % cycle / cycle) * (at >= cycle))
    if kind == "decay":
        for step in (points // 2, 3 * points // 4):
            level = level - (at >= step) * (1 - np.exp(-np.clip(at - step, 0, None) / 10)) * 0.1 * level[-1]
    if kind == "growing":
        chances = chances * (0.3 + 1.5 * at / points)
    values = level * np.exp(noise * chances)
    if kind == "regression":
        return 1e-3 * values**3
    return level + noise * level * chances - 0.8 * start if kind == "negative" else values


def alarms(kind: str, values: np.ndarray, name: str) -> list[str]:
    axis = "epoch" if kind in {"epoch", "short"} else "step"
    findings = diagnose(Trace({name: Series(np.arange(1, len(values) + 1), values)}, axis))
    return [found.kind for found in findings if found.severity != "note"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_more_than_one_alarm_in_fifty_healthy_runs(kind: str) -> None:
    raised = [alarms(kind, healthy(kind, seed), ("loss", "validation_loss")[seed % 2]) for seed in range(50)]
    assert sum(map(bool, raised)) <= 1, raised


def test_a_short_and_noisy_curve_is_no_row_of_spikes() -> None:
    def noisy(seed: int) -> np.ndarray:
        return (2 + 3 * np.exp(-np.arange(25) / 8)) * np.exp(0.12 * np.random.default_rng(seed).normal(size=25))

    # Too few points for a tail: nothing but the noise just before tells a spike from a batch.
    raised = [seed for seed in range(100) if "spike" in alarms("epoch", noisy(seed), "loss")]
    assert len(raised) <= 10  # 7 standard deviations; 33 at 2


def test_four_points_do_not_tell_how_a_loss_scatters() -> None:
    """A classifier that prints the loss of every twentieth batch; one of them as if something had happened."""
    printed = np.array(
        [0.5909, 0.4896, 0.4236, 0.4111, 0.558, 0.4371, 0.3559, 0.1572, 0.1575, 0.1465,
         0.1432, 0.0714, 0.098, 0.0776, 0.0946, 0.1098, 0.1229, 0.0463, 0.0669, 0.0544]
    )  # fmt: skip
    assert alarms("step", printed, "loss") == []
    printed[4] = 1.4
    assert "spike" in alarms("step", printed, "loss")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["epoch", "short", "step", "decay"]))
@example(79332, "step")  # its first value is low by chance: the others are no explosion
def test_a_calm_run_raises_no_alarm_about_its_shape(seed: int, kind: str) -> None:
    values = healthy(kind, seed)
    assert not set(alarms(kind, values, "loss")) - {"plateau"}


@pytest.mark.parametrize("points", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, math.nan, math.inf])
def test_a_series_of_hardly_any_points_is_no_trouble(points: int, value: float) -> None:
    series = Series(np.arange(points), np.full(points, value))
    kinds = {found.kind for found in diagnose(Trace({"loss": series, "validation_loss": series}))}
    assert kinds <= {"not-finite", "stale-evaluation", "repeated-loss"}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60),
    st.sampled_from(["loss", "validation_loss", "gradient_norm", "learning_rate", "accuracy", "context_growth"]),
)
def test_whatever_a_log_holds_a_diagnosis_comes_back(values: list[float], name: str) -> None:
    series = Series(np.arange(len(values)), np.asarray(values, dtype=float))
    plain = Series(np.arange(len(values)), np.linspace(3, 1, len(values)))
    for found in diagnose(Trace({name: series, "other": plain, "loss": series})):
        assert found.confidence is None or 0 <= found.confidence <= 1
