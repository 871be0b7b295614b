"""The founding curve as a bare log, and others of its kind: smooth, a spike of a few points, a repeated value."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newllm.diagnosis.diagnose import diagnose
from newllm.trace import Finding, Series, Trace

FOUNDING = [5.7692, 5.7692, 11.1040, 14.7028, 10.5887, 6.5873, 5.6552]


def by_kind(findings: list[Finding]) -> dict[str, Finding]:
    return {found.kind: found for found in findings}


def log_of(values: np.ndarray | list[float], *, name: str = "loss", decimals: int = 4, axis: str = "epoch") -> Trace:
    values = np.asarray(values, dtype=float)
    return Trace({name: Series(np.arange(1, len(values) + 1), values)}, axis, {name: decimals})


def founding_curve() -> np.ndarray:
    return np.concatenate([np.round(5.8 + 1.2 * np.exp(-np.arange(16) / 5), 4), FOUNDING])


@pytest.mark.parametrize("name", ["loss", "validation_loss", "Train Loss"])
def test_the_founding_curve_shows_its_spike_its_repeat_and_its_rise(name: str) -> None:
    found = by_kind(diagnose(log_of(founding_curve(), name=name)))
    repeat = "stale-evaluation" if name == "validation_loss" else "repeated-loss"
    # An evaluation after the first epoch says nothing of the untrained model.
    assert set(found) == {"spike", repeat} | ({"worse-than-untrained"} if name != "validation_loss" else set())
    assert (found["spike"].first_step, found["spike"].last_step) == (19, 22)
    assert found["spike"].evidence["outcome"] == "recovered"
    assert found["spike"].evidence["peak"] == 14.7028
    assert (found[repeat].first_step, found[repeat].last_step) == (17, 18)
    if name != "validation_loss":
        assert found["worse-than-untrained"].evidence["worst"] == 14.7028
        assert found["worse-than-untrained"].evidence["inferred"]
        assert "inferred" in str(found["worse-than-untrained"].sentence)


def test_the_cost_of_the_founding_spike_is_its_area() -> None:
    spike = by_kind(diagnose(log_of(founding_curve())))["spike"]
    area = sum(value - spike.evidence["base"] for value in FOUNDING[2:6])
    assert spike.evidence["cost_nats_x_epochs"] == pytest.approx(area)


def test_the_cost_of_a_spike_is_told_in_the_units_of_the_axis() -> None:
    spike = by_kind(diagnose(log_of(founding_curve(), axis="step")))["spike"]
    assert "cost_nats_x_steps" in spike.evidence
    assert f"its excess over the trend adds up to {spike.evidence['cost_nats_x_steps']:.3g}" in str(spike.sentence)


@pytest.mark.parametrize("points", [8, 9, 12, 17])
def test_the_last_points_of_the_founding_curve_are_enough(points: int) -> None:
    found = by_kind(diagnose(log_of(founding_curve()[-points:])))
    first = points - 4  # epoch 19, counted from the cut
    assert (found["spike"].first_step, found["spike"].last_step) == (first, first + 3)
    assert found["repeated-loss"].first_step == first - 2


@dataclass(frozen=True)
class Curve:
    values: np.ndarray
    start: int  # index of the spike's first point
    width: int
    peak: float
    untrained: float


def curve(seed: int, points: int, noise: float, least: float = 0.6) -> Curve:
    """Make a curve of the founding kind whose spike rises by `least` to 2 times the level at its onset."""
    chance = np.random.default_rng(seed)
    untrained = math.exp(chance.uniform(math.log(0.5), math.log(12)))
    fall = chance.uniform(0.1, 0.6) * (1 - np.exp(-np.arange(points) / (chance.uniform(0.15, 0.6) * points)))
    smooth = untrained * (1 - fall)
    values = smooth * np.exp(noise * chance.normal(size=points))
    width = int(chance.integers(1, max(2, min(6, points // 5)) + 1))
    start = int(chance.integers(max(4, points // 4), max(5, points - width)))
    shape = chance.uniform(0.5, 1, size=width)
    shape[chance.integers(width)] = 1
    values[start : start + width] = smooth[start] * (1 + chance.uniform(least, 2.0) * shape)
    values[start - 1] = values[start - 2]
    return Curve(np.round(values, 4), start, width, float(values[start : start + width].max()), float(values[0]))


def spike_of(findings: list[Finding], made: Curve) -> Finding | None:
    for found in findings:
        begins, ends = found.first_step or 0, found.last_step or 0
        overlaps = begins <= made.start + made.width and ends >= made.start + 1
        if found.kind in {"spike", "diverged"} and found.severity != "note" and overlaps:
            return found
    return None


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 300), st.sampled_from([0.0, 0.002, 0.01]))
@example(1176, 32, 0.0)  # ends where a softmax applied twice would
def test_a_curve_of_the_kind_shows_its_spike_and_its_rise(seed: int, points: int, noise: float) -> None:
    made = curve(seed, points, noise, least=1.2)
    findings = diagnose(log_of(made.values))
    spike = spike_of(findings, made)
    assert spike is not None
    assert abs((spike.first_step or 0) - (made.start + 1)) <= 1
    assert {found.kind for found in findings if found.severity != "note"} <= {
        "spike",
        "diverged",
        "repeated-loss",
        "worse-than-untrained",
    }
    if made.peak > 1.4 * made.untrained:
        assert "worse-than-untrained" in by_kind(findings)


@pytest.mark.slow
def test_recall_and_place_over_many_curves_three_per_cent_of_noise_included() -> None:
    found = exact = 0
    total = 400
    for seed in range(total):
        points = int(np.random.default_rng(seed).integers(8, 300))
        made = curve(seed, points, (0.0, 0.002, 0.01, 0.03)[seed % 4])
        spike = spike_of(diagnose(log_of(made.values)), made)
        found += spike is not None
        exact += spike is not None and spike.first_step == made.start + 1
    assert found >= 0.99 * total
    assert exact >= 0.98 * total


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 60), st.floats(0.3, 12))
def test_a_repeat_that_chance_would_not_give_is_found_where_it_is(seed: int, points: int, start: float) -> None:
    chance = np.random.default_rng(seed)
    values = start * np.linspace(1, 0.4, points) * np.exp(0.005 * chance.normal(size=points))
    at = int(chance.integers(2, points - 1))
    values[at] = values[at - 1]
    found = by_kind(diagnose(log_of(np.round(values, 6), decimals=6)))["repeated-loss"]
    assert (found.first_step, found.last_step) == (at, at + 1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 200))
def test_a_loss_that_has_converged_to_its_printed_digits_repeats_without_alarm(seed: int, points: int) -> None:
    chance = np.random.default_rng(seed)
    values = 2 * np.exp(-np.arange(points) / 2) + 0.002 * np.abs(chance.normal(size=points)) + 0.5
    assert "repeated-loss" not in by_kind(diagnose(log_of(np.round(values, 3), decimals=3)))
