"""A metric that stands still while the loss is learnt: both measure different things, or a part learns nothing."""

import re

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import has_learnt, median
from newllm.diagnosis.losses import finite, is_validation
from newllm.diagnosis.quality import qualities
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace
from newllm.trace.readers.naming import meaning

_OF_ANSWERS = re.compile(r"(^|[^a-z])(acc|accuracy|auc|auroc)($|[^a-z])", re.IGNORECASE)  # a guess has a half of them
FEWEST = 4  # points of the metric
FEWEST_LOSSES = 8  # points of the loss
LEARNT = 0.03  # of the loss at the start: so little is left of it
LOW = 0.5  # of a metric from 0 to 1: above it most is right
MOVES = 0.1  # from its first to its last points
HALF, NEAR_HALF, FEWEST_HALVES = 0.5, 0.025, 5  # a metric that is so near to a half at so many evaluations, and at all
_OF_ERRORS = re.compile(r"(^|[^a-z])(rmse|mse|mae|mape|(?P<explained>r2|r_squared))($|[^a-z0-9])", re.IGNORECASE)
FEWEST_ERRORS, HALVED, STANDS = 6, 0.6, 0.95  # evaluations; so much is left of the loss, and of the error
WITH_IT = 0.95  # of the first validation loss


def detect_metric_unmoved(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a metric of which 1 is best that stays low where hardly anything is left of the loss.

    Or one that is a half at each evaluation, which of two answers is a guess, while the loss is learnt: that of another
    task of the same model. False alarms: a metric may wait for the loss, as whole texts that are right wait for single
    tokens; so all but `LEARNT` of the loss has to be learnt, of the same data: of validation, where the metric comes
    with it. A metric that has moved by `MOVES` is on its way. A validation loss that does not fall either tells by
    itself that nothing general is learnt. Among four classes a half is good.
    """
    if not training_kind(trace, facts).loss_is_progress:
        return []
    validation = finite(trace.series("validation_loss"))
    for name, metric in qualities(trace):
        if len(metric.value) < FEWEST:
            continue
        of_validation = is_validation(name) or (
            len(validation.step) > 0 and bool(np.isin(metric.step, validation.step).all())
        )
        loss = validation if of_validation else finite(trace.series("loss"))
        if _stands(metric) and _is_learnt(trace, loss):
            return [_unmoved(trace, name, metric, loss)]
        if _is_a_guess(trace, name, metric) and _falls(trace, validation):
            return [_at_a_half(name, metric)]
    return _errors_that_stand(trace, validation)


def _errors_that_stand(trace: Trace, validation: Series) -> list[Finding]:
    """Return an error of numbers that stays what it was while the validation loss falls, at the same evaluations."""
    for name in sorted(trace.signals):
        if (named := _OF_ERRORS.search(name)) and "/" not in name:
            metric = finite(trace.series(name))
            steps, at, of_loss = np.intersect1d(metric.step, validation.step, return_indices=True)
            value, loss = metric.value[at], validation.value[of_loss]
            error = 1 - value if named["explained"] else value  # the best R2 is 1
            few = max(2, len(steps) // 4)
            if len(steps) < FEWEST_ERRORS or error.min() <= 0 or loss.min() <= 0:
                continue
            left = median(loss[-few:]) / loss[0]
            if left < HALVED and (error[-few:] > STANDS * error[0]).all() and error.min() > STANDS**2 * error[0]:
                return [_error_that_stands(name, Series(steps, value), loss)]
    return []


def _error_that_stands(name: str, metric: Series, loss: np.ndarray) -> Finding:
    first, last = float(metric.value[0]), float(metric.value[-1])
    return Finding(
        kind="metric-unmoved",
        severity="warning",
        sentence=message(
            "finding-metric-unmoved.error",
            metric=name,
            first=first,
            last=last,
            loss=float(loss[0]),
            loss_last=float(loss[-1]),
            count=len(loss),
        ),
        first_step=float(metric.step[0]),
        last_step=float(metric.step[-1]),
        confidence=0.8,
        signal=name,
        evidence={"first": first, "last": last, "loss": float(loss[-1])},
        alternatives=(message("finding-metric-unmoved.other-units"),),
        test=message("finding-metric-unmoved.error-test"),
        candidate_causes=("evaluation-configuration", "loss-definition"),
    )


def _stands(metric: Series) -> bool:
    value, few = metric.value, max(2, len(metric.value) // 4)
    is_share = value.min() >= 0 and value.max() <= 1
    return bool(is_share and value.max() < LOW and median(value[-few:]) - median(value[:few]) < MOVES)


def _is_a_guess(trace: Trace, name: str, metric: Series) -> bool:
    """Whether a metric is a half throughout; the accuracy of the model's own classes only where these are two."""
    classes = trace.series("target_classes_seen").value
    if name.endswith("accuracy") and meaning(name) is not None and (not len(classes) or classes[-1] != 2):
        return False
    halves = len(metric.value) >= FEWEST_HALVES and np.ptp(metric.value) > 0  # else it is told as a constant
    return bool(_OF_ANSWERS.search(name) and halves and np.abs(metric.value - HALF).max() <= NEAR_HALF)


def _falls(trace: Trace, validation: Series) -> bool:
    """Whether the loss has been learnt, and validation has learnt with it, where there is one."""
    value = validation.value
    return has_learnt(trace) and (not len(value) or bool(value[-1] < WITH_IT * value[0]))


def _is_learnt(trace: Trace, loss: Series) -> bool:
    """Whether hardly anything is left of a loss: of what it, or training, began at."""
    start = finite(trace.series("loss")).value[:3]
    few = max(2, len(loss.value) // 10)
    if len(loss.value) < min(FEWEST, FEWEST_LOSSES) or len(start) < 3 or loss.value.min() < 0:
        return False
    return median(loss.value[-few:]) < LEARNT * max(float(loss.value[0]), median(start))


def _unmoved(trace: Trace, name: str, metric: Series, loss: Series) -> Finding:
    return Finding(
        kind="metric-unmoved",
        severity="warning",
        sentence=message(
            "finding-metric-unmoved.sentence",
            metric=name,
            first=float(metric.value[0]),
            last=float(metric.value[-1]),
            left=float(loss.value[-1]) / max(float(loss.value[0]), median(finite(trace.series("loss")).value[:3])),
        ),
        first_step=float(metric.step[0]),
        last_step=float(metric.step[-1]),
        confidence=0.85,
        signal=name,
        evidence={"first": float(metric.value[0]), "last": float(metric.value[-1]), "loss": float(loss.value[-1])},
        alternatives=(message("finding-metric-unmoved.waits"),),
        test=message("finding-metric-unmoved.test"),
        candidate_causes=("evaluation-configuration", "target-leak", "class-imbalance", "loss-definition"),
    )


def _at_a_half(name: str, metric: Series) -> Finding:
    low, high = float(metric.value.min()), float(metric.value.max())
    return Finding(
        kind="metric-unmoved",
        severity="warning",
        sentence=message("finding-metric-unmoved.half", metric=name, low=low, high=high, count=len(metric.value)),
        first_step=float(metric.step[0]),
        last_step=float(metric.step[-1]),
        confidence=0.8,
        signal=name,
        evidence={"first": float(metric.value[0]), "last": float(metric.value[-1])},
        alternatives=(message("finding-metric-unmoved.one-of-two"),),
        test=message("finding-metric-unmoved.half-test"),
        candidate_causes=("evaluation-configuration", "wrong-targets", "class-imbalance", "loss-definition"),
    )
