"""What a training that stands at the loss of a guess says of its weights: which gradient is left, and what it moves."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite

STEADY = 0.25  # a gradient norm that has changed by less, on the log scale, over a run: its weights have hardly moved
OF_MEDIANS = 4.0  # times the scatter of points by the root of their number: two medians differ by less
QUIET = 0.15  # its scatter on the log scale, where all weights have their share in it
FEW_CLASSES = (4, 64)
ONE_BIAS = (0.85, 1.4)  # times the scatter of a gradient of the last bias alone; eight programs gave 0.93 to 1.26
LEARNT = 0.95  # of its first value: a validation loss that comes to less is learnt


def gradient_steady(case: Case, scatter: float = 0.0) -> bool | None:
    """Whether the gradient norm is what it was at first, but for its scatter: None where there is none."""
    norm = finite(case.trace.series("gradient_norm")).value
    if len(norm) < 10 or norm.min() <= 0:
        return None
    few = max(3, len(norm) // 5)
    limit = max(STEADY, OF_MEDIANS * scatter / float(np.sqrt(few)))
    return bool(abs(np.log(np.median(norm[:few]) / np.median(norm[-few:]))) < limit)


def gradient_scatter(case: Case) -> float | None:
    """Return the scatter of the gradient norm on the log scale, from point to point; None without enough points."""
    norm = finite(case.trace.series("gradient_norm")).value
    if len(norm) < 20 or norm.min() <= 0 or case.trace.axis != "step":
        return None
    return float(np.std(np.diff(np.log(norm[len(norm) // 10 :]))) / np.sqrt(2))


def always_falls(case: Case) -> bool:
    """Whether nearly each evaluation (else each fifth of the training loss) is better than the last, and all by little.

    A validation loss that comes to less than `LEARNT` does not stand still, whatever the training loss does.
    """
    validation, loss = finite(case.trace.series("validation_loss")).value, finite(case.trace.series("loss")).value
    if len(validation) >= 4:
        little = 1e-4 * abs(validation[0]) < np.ptp(validation) < (1 - LEARNT) * abs(validation[0])
        return bool(little and np.mean(np.diff(validation) < 0) > 0.85)
    if len(loss) < 40:
        return False
    parts = [float(np.mean(part)) for part in np.array_split(loss, 5)]
    return bool(np.all(np.diff(parts) < 0))


def is_of_last_bias(case: Case) -> bool:
    """Whether the gradient scatters as that of the output's bias alone: nothing of the inputs comes through.

    Of K equally likely classes it is the difference between the classes of a batch and their means: a vector of K - 1
    independent parts, whose norm scatters by 1 / sqrt(2 (K - 1)) from batch to batch, whatever the batch size. With
    all weights in it, it scatters less. The loss has to stand at ln K from its first point on.
    """
    loss, scatter = finite(case.trace.series("loss")).value, gradient_scatter(case)
    if len(loss) < 20 or loss.min() <= 0 or scatter is None or not gradient_steady(case, scatter):
        return False
    level = float(loss.mean())
    classes = round(float(np.exp(min(level, 12.0))))
    if not FEW_CLASSES[0] <= classes <= FEW_CLASSES[1] or abs(level / np.log(classes) - 1) > 0.01:
        return False
    few = max(3, len(loss) // 5)
    stands = abs(median(loss[:few]) / median(loss[-few:]) - 1) < 0.01
    return stands and ONE_BIAS[0] < scatter * np.sqrt(2 * (classes - 1)) < ONE_BIAS[1]
