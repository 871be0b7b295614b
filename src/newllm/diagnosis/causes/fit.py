"""What training and validation have come to: a start, an end, the share that is right, and whether that is a guess."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.levels import end_level, median
from newllm.diagnosis.losses import as_shares, finite, is_validation
from newllm.diagnosis.roles import Roles
from newllm.trace import Series

APART = 4.0  # times
GUESSED = (0.35, 0.6)  # of pairs
CLEARLY = 1.1  # times the loss that training began at


def start_and_end(loss: np.ndarray) -> tuple[float, float]:
    """Return the loss (n,) that training began at, and the level of its last tenth; zeros without points."""
    if not len(loss):
        return 0.0, 0.0
    return float(max(loss[0], median(loss[:3]))), median(loss[-max(1, len(loss) // 10) :])


def falls_to_nothing(case: Case) -> bool:
    """Whether training comes to less than a tenth of its start: it knows its data by heart, or sees its targets."""
    loss = finite(case.trace.series("loss")).value
    return bool(len(loss) and start_and_end(loss)[1] < 0.1 * loss[0])


def validation_accuracy(case: Case) -> np.ndarray:
    """Return the share of validation that is right at each evaluation: (n,), empty where it is not known."""
    return as_shares(finite(case.trace.series("validation_accuracy")).value)


def pairs_are_guessed(roles: Roles) -> bool:
    """Whether the answers of a pair are told apart as by guessing, where that is logged."""
    accuracy = roles.series("preference_accuracy")
    return (
        not len(accuracy.value) or GUESSED[0] < end_level(Series(accuracy.step, as_shares(accuracy.value))) < GUESSED[1]
    )


def above_start(case: Case) -> tuple[float, float] | None:
    """Return the loss training began at and validation's, where that lies clearly above and training does learn."""
    gap = case.finding if case.finding.kind == "validation-gap" else None
    if gap is None and case.finding.kind in {
        "over-fitting",
        "validation-rises",
        "worse-than-untrained",
        "worse-than-uniform",
    }:
        gap = next((one for one in case.others if one.kind == "validation-gap"), None)
        gap = gap if is_validation(case.finding.signal or "") else None
    if gap is None or case.has("data-order"):
        return None
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    start, level = start_and_end(loss)[0], median(validation)
    if not comparable_losses(case):
        return None
    return (start, level) if level > CLEARLY * start and not falls_to_nothing(case) else None


def comparable_losses(case: Case) -> bool:
    """Whether both losses begin in the same order of size: else one of them has other parts, or other units."""
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    start = start_and_end(loss)[0]
    return start > 0 and 1 / APART < float(validation[0]) / start < APART
