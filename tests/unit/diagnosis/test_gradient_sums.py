"""Gradients that are never cleared, by their norm alone; gradients that are none; explosions that harm nothing."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.detectors.explosion import detect_explosion
from newllm.diagnosis.detectors.gradients import detect_carried, detect_no_gradient
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace


def trace_of(**signals: np.ndarray) -> Trace:
    return Trace({name: Series(np.arange(1, len(value) + 1), value) for name, value in signals.items() if len(value)})


# A sum over all batches so far.


def summed(
    times: float = 2.1, change: float = 0.01, points: int = 80, end: float = 1.0, first: float = 0.0
) -> np.ndarray:
    """Return a norm that grows within its first tenth, and changes by so much from point to point behind it."""
    grows = points // 10
    later = np.arange(points - grows)
    logs = np.concatenate([np.linspace(first, np.log(times), grows), np.log(times) + change * (later % 2)])
    logs[-1] += np.log(end)
    return np.exp(logs)


def carried(norm: np.ndarray, learnt: float = 1.0, **more: np.ndarray) -> list[Finding]:
    loss = np.where(np.arange(len(norm)) < len(norm) // 2, 2.0, 2.0 * learnt)
    return detect_carried(trace_of(gradient_norm=norm, loss=loss, **more), Facts())


SCATTERS = np.exp(0.2 * np.random.default_rng(0).normal(size=80))


@pytest.mark.parametrize(
    ("norm", "learnt", "is_found"),
    [
        (summed(2.1), 1.0, True),
        (summed(1.9), 1.0, False),
        (summed(change=0.019), 1.0, True),
        (summed(change=0.021), 1.0, False),
        (summed(), 0.51, True),
        (summed(), 0.49, False),  # logits grow, and what is learnt is learnt
        (summed(end=0.94), 1.0, False),  # it has come back
        (summed(points=20), 1.0, True),
        (summed(points=19), 1.0, False),
        (1 / summed(), 1.0, False),  # data are learnt by heart
        (summed() * SCATTERS, 1.0, False),  # so the gradients of single batches do
        (np.append(summed()[:-1], 0.0), 1.0, False),
    ],
)
def test_a_norm_that_grows_and_hardly_scatters_is_of_a_sum(norm: np.ndarray, learnt: float, is_found: bool) -> None:
    found = carried(norm, learnt)
    assert bool(found) is is_found
    assert all((one.kind, one.severity) == ("gradient-carried", "warning") for one in found)


def test_smooth_over_a_quarter_of_the_run_is_enough() -> None:
    norm = summed()
    norm[30:] *= np.exp(0.2 * np.random.default_rng(1).normal(size=50) + 0.5)
    assert carried(norm)
    norm[10:] *= np.exp(0.2 * np.random.default_rng(2).normal(size=70) + 0.5)
    assert not carried(norm)


def test_what_the_recorder_saw_counts_before_what_the_norm_is_like() -> None:
    assert not carried(summed(), gradient_carried=np.zeros(80))
    (seen,) = carried(SCATTERS, gradient_carried=np.ones(80))
    assert (seen.severity, seen.evidence) == ("fault", {"updates": 80})


# No gradient.


def none(norm: np.ndarray, losses: dict[str, np.ndarray], kind: str | None = None) -> list[Finding]:
    return detect_no_gradient(trace_of(gradient_norm=norm, **losses), Facts(kind=kind))


STILL = 2.0 + 0.1 * (-1.0) ** np.arange(40)


@pytest.mark.parametrize(
    ("norm", "losses", "is_found"),
    [
        (np.zeros(3), {"validation_loss": np.full(2, 2.0)}, True),
        (np.zeros(2), {"validation_loss": np.full(2, 2.0)}, False),
        (np.zeros(3), {"validation_loss": np.full(1, 2.0)}, False),
        (np.append(np.zeros(30), 1e-9), {"validation_loss": np.full(2, 2.0)}, False),
        (np.zeros(30), {"validation_loss": np.array([2.0, 2.0000019])}, True),
        (np.zeros(30), {"validation_loss": np.array([2.0, 2.0000021])}, False),  # measured after they were cleared
        (np.zeros(30), {"loss": STILL}, True),
        (np.zeros(30), {"loss": STILL[:8]}, True),
        (np.zeros(30), {"loss": STILL[:7]}, False),
        (np.zeros(30), {"loss": STILL - 0.06 * (np.arange(40) >= 30)}, True),  # less than its noise
        (np.zeros(30), {"loss": STILL - 0.07 * (np.arange(40) >= 30)}, False),
        (np.zeros(30), {"loss": STILL - (np.arange(40) >= 30), "validation_loss": np.full(2, 2.0)}, True),
        (np.zeros(30), {}, False),
    ],
)
def test_a_gradient_of_nothing_while_nothing_moves_is_none(
    norm: np.ndarray, losses: dict[str, np.ndarray], is_found: bool
) -> None:
    assert bool(none(norm, losses)) is is_found


def test_the_loss_of_a_policy_says_nothing_of_what_is_learnt() -> None:
    assert none(np.zeros(30), {"loss": STILL}, "language-model")
    assert not none(np.zeros(30), {"loss": STILL}, "reinforcement")


# An explosion that harms nothing.


def exploded(before: float, behind: float, within: float | None = None, first: float = 10.0) -> str:
    points = 100
    norm = np.exp(0.05 * np.random.default_rng(0).normal(size=points))
    norm[70:72] = 60.0
    loss = np.concatenate([np.full(10, first), np.full(60, before), np.full(points - 70, behind)])
    loss[70:72] = behind if within is None else within
    (found,) = detect_explosion(trace_of(gradient_norm=norm, loss=loss), Facts())
    return found.severity


@pytest.mark.parametrize(
    ("losses", "severity"),
    [
        ((6.0, 6.0), "note"),
        ((6.0, 6.1), "warning"),
        ((6.0, 5.0, 6.1), "warning"),  # over it the loss was higher
        ((6.0, 6.1, 5.0), "warning"),  # or behind it
        ((0.5, 2.9), "note"),  # a model near zero loss
        ((0.5, 3.1), "warning"),
        ((0.5, 0.5, 3.1), "warning"),
        ((-1.0, -0.9, None, -0.5), "warning"),  # of a loss below nothing no share says how far it has come
        ((-1.0, -1.0, None, -0.5), "note"),
    ],
)
def test_an_explosion_is_a_note_where_the_loss_takes_no_harm(losses: tuple[Any, ...], severity: str) -> None:
    assert exploded(*losses) == severity


def test_an_explosion_before_a_loss_that_is_no_number_has_done_harm() -> None:
    assert exploded(6.0, np.nan) == "warning"
    assert exploded(6.0, 6.0, np.inf) == "warning"
