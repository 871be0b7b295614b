"""A perplexity that is not e to the loss of the same step."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

PAIRS = (("loss", "perplexity"), ("validation_loss", "validation_perplexity"))
NEAR = 0.02  # of the loss, and in nats
FEWEST = 3  # common steps
MOSTLY = 0.5  # of them differ
LARGEST = 15.0  # nats; above, perplexities are cut off or overflow
UNITS = {"bits": math.log(2), "digits": math.log(10)}  # of a loss that is not in nats


def audit(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding for each pair that does not fit together."""
    return [found for pair in PAIRS if (found := _compare(trace, *pair)) is not None]


def _compare(trace: Trace, loss_name: str, name: str) -> Finding | None:
    loss, perplexity = trace.series(loss_name), trace.series(name)
    steps, at, also_at = np.intersect1d(loss.step, perplexity.step, return_indices=True)
    nats, exponent = loss.value[at], perplexity.value[also_at]
    good = np.isfinite(nats) & np.isfinite(exponent) & (exponent > 0) & (nats < LARGEST) & (nats > 0)
    steps, nats, exponent = steps[good], nats[good], np.log(exponent[good])
    wrong = np.abs(exponent - nats) > NEAR * np.maximum(1.0, nats) + _rounding(trace, name, exponent)
    if len(nats) < FEWEST or wrong.mean() <= MOSTLY:
        return None
    ratio, difference = float(np.median(exponent / nats)), float(np.median(exponent - nats))
    unit = next((unit for unit, factor in UNITS.items() if abs(ratio / factor - 1) < NEAR), None)
    return Finding(
        kind="perplexity-mismatch",
        severity="warning",
        sentence=message(
            "finding-perplexity-mismatch.sentence",
            signal=name,
            loss=loss_name,
            wrong=int(wrong.sum()),
            of=len(nats),
            difference=difference,
            unit=unit,
        ),
        first_step=float(steps[wrong][0]),
        last_step=float(steps[wrong][-1]),
        confidence=0.9,
        signal=name,
        evidence={"ratio": ratio, "difference": difference, "steps": len(nats), "wrong": int(wrong.sum())},
        alternatives=(
            message("finding-perplexity-mismatch.averaged"),
            message("finding-perplexity-mismatch.other-term"),
        ),
        test=message("finding-perplexity-mismatch.test"),
        candidate_causes=("averaged-perplexity", "loss-in-bits", "padding-counted"),
    )


def _rounding(trace: Trace, name: str, exponent: np.ndarray) -> np.ndarray:
    """Return how far the printed digits of a perplexity can move its logarithm."""
    if name not in trace.decimals:
        return np.zeros(len(exponent))
    return 0.5 * 10.0 ** -trace.decimals[name] * np.exp(-exponent)
