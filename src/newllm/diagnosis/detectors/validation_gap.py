"""An evaluation that never agreed with training, not even while the model knew nothing.

An untrained model does equally badly on both. False alarms: the first evaluation must differ from the training
losses around it by `LEAST` on the log scale and by `NOISE` of their standard deviations, while training had
gained less than a tenth; a running mean over an epoch that is logged as the training loss is later than its step.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 0.35
NOISE = 6.0
STAYS = 0.35  # the gap at the end, on the log scale


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return a gap between validation and training loss that stands from the first evaluation on."""
    loss, validation = finite(trace.series("loss")), finite(trace.series("validation_loss"))
    if len(loss.value) < 8 or len(validation.value) < 2 or min(loss.value.min(), validation.value.min()) <= 0:
        return []
    usual, spread = _around(loss.value, int(np.searchsorted(loss.step, validation.step[0])))
    first = float(np.log(validation.value[0]) - usual)
    end, _ = _around(loss.value, len(loss.value) - 1)
    stays = float(np.log(np.median(validation.value[-2:])) - end)
    if first < max(LEAST, NOISE * spread) or stays < STAYS:
        return []
    return [
        Finding(
            kind="validation-gap",
            severity="warning",
            sentence=message(
                "finding-validation-gap.sentence",
                validation=float(validation.value[0]),
                training=float(np.exp(usual)),
            ),
            first_step=float(validation.step[0]),
            last_step=float(validation.step[-1]),
            confidence=0.85,
            signal="validation_loss",
            evidence={"log_gap_first": first, "log_gap_last": stays, "noise": spread},
            alternatives=(
                message("finding-validation-gap.other-text"),
                message("finding-validation-gap.trained-before"),
            ),
            test=message("finding-validation-gap.test"),
            candidate_causes=("tokenizer-mismatch", "unknown-tokens", "padding-counted"),
        )
    ]


def _around(value: np.ndarray, at: int) -> tuple[float, float]:
    """Return the level and the standard deviation of the logs of about ten points that end at an index."""
    points = np.log(value[max(0, at - 9) : max(at + 1, 5)])
    return float(np.median(points)), float(1.4826 * np.median(np.abs(points - np.median(points))))
