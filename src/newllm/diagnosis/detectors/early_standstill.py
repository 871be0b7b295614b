"""A loss of tokens that comes down at first and then stands: a learning rate that no such model bears."""

import numpy as np

from newllm.diagnosis.causes.kinds import MANY
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

HIGH = 0.02  # a learning rate that is ten times what language models bear with the optimizers that are usual for them
STANDS = 0.05  # of the validation loss: from its first evaluation to its last it goes no further
LEARNT = (0.5, 0.95)  # of the loss at the start: the frequencies of tokens have been learnt, and little else
FEWEST, FEWEST_POINTS = 4, 20


def detect_early_standstill(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return a language model that has learnt how often tokens occur by its first evaluation, and no more.

    False alarms: plain gradient descent bears rates of one and more, and then the loss goes on falling; a model that
    has converged has come further. So validation must not have moved since its first evaluation, at more than half of
    the loss that training began at, and at a high rate from the first point to the last.
    """
    loss, validation, rate = (finite(trace.series(name)) for name in ("loss", "validation_loss", "learning_rate"))
    enough = len(loss.value) >= FEWEST_POINTS and len(validation.value) >= FEWEST and len(rate.value) >= FEWEST_POINTS
    if not enough or loss.value[0] < MANY or validation.value.min() <= 0 or rate.value.min() < HIGH:
        return []
    start, level = float(loss.value[0]), float(validation.value.mean())
    ends = median(loss.value[-max(3, len(loss.value) // 5) :])
    if not all(LEARNT[0] * start < one < LEARNT[1] * start for one in (level, ends)):
        return []
    if np.ptp(validation.value) > STANDS * level:
        return []
    return [
        Finding(
            kind="early-standstill",
            severity="warning",
            sentence=message(
                "finding-early-standstill.sentence",
                start=start,
                level=level,
                axis=trace.axis,
                first=int(validation.step[0]),
                last=int(validation.step[-1]),
                rate=float(rate.value.max()),
            ),
            first_step=float(validation.step[0]),
            last_step=float(validation.step[-1]),
            confidence=0.85,
            signal="validation_loss",
            evidence={"at_start": start, "level": level, "highest": float(rate.value.max())},
            alternatives=(message("finding-early-standstill.unigram"),),
            test=message("finding-early-standstill.test"),
            candidate_causes=("learning-rate", "no-warm-up"),
        )
    ]
