"""Whether training and validation loss measure the same thing: which is higher, and how steady the validation is."""

import math

import numpy as np

from newllm.diagnosis.excursion import noise_of
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import as_shares, finite, sliding_mean
from newllm.diagnosis.sums import other_losses, weights
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST = 4  # evaluations
FEWEST_TRAINING = 8  # points of the training loss
END = 10  # a tenth of the run is its end

# A training loss that stays far above that of the validation.
ABOVE = 1.8  # times; augmentation and label smoothing reached 1.6 in healthy runs
HARMLESS = 0.95  # accuracy in validation: whatever makes training harder has harmed nothing
MOST_PARTS = 12
FEWEST_SOFT = 5  # sampled steps with targets that are mixed or smoothed
SMOOTH = 0.02  # standard deviation of the noise, on a log scale: single batches scatter more
PER_ROW = 0.1  # of the rows of an update
A_MEAN = "cross_entropy"  # one that is summed and not averaged is told by its size
LEARNT = 0.8  # of what a part of the loss began at
_OF_DIFFERENCES = 0.954  # median of the distance between two numbers that scatter by 1, of a normal distribution
LEAST_ABOVE = 0.2  # of the loss that training began at: of two small losses one is easily twice the other


def detect_training_above(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a training loss that ends far above the validation loss.

    What is added in training alone (dropout, augmentation) makes its loss higher, and so does a loss that is scaled or
    taken over the wrong axis. False alarms: it has to be more than such means usually do, at the end and over the
    second half of the run. Mixed inputs (mixup) do more, and a run whose validation is nearly all right has taken no
    harm: a note. So is a loss that is the sum of several logged ones, most of them learnt: validation need not be all.
    And so is one whose targets are mixed or smoothed, by its gradient: it cannot come below their entropy, and asks
    another question than the validation. And so is one whose batches lie as far apart from each other: what they
    scatter by is noise in their targets, below which training cannot come, and which validation need not have. And so
    is one that is as many times as high as an update has rows: a sum over them, where validation has a mean. And so is
    one that is smoothed and falls: a running mean knows the time before, and comes down later than validation.
    A note says why, where that is known.
    """
    both = _both(trace)
    if both is None:
        return []
    loss, validation, start, end = both
    later = validation.value[len(validation.value) // 2 :]
    last = median(later[-2:])
    beside = np.interp(validation.step[-len(later) :], loss.step, _smooth(loss.value))
    accuracy = as_shares(finite(trace.series("validation_accuracy")).value)[-2:]
    if end / last < ABOVE or end - last < LEAST_ABOVE * start or (beside < later).any():
        return []
    parts = _learnt_parts(trace, start)
    is_noisy = _scatter(loss.value) >= np.log(end / last)
    entropy = finite(trace.series("target_entropy")).value
    is_soft = len(entropy) >= FEWEST_SOFT
    is_late = _without_delay(loss.value) < ABOVE * last
    rows = trace.series("rows").value
    is_sum = len(rows) > 0 and abs(end / last / median(rows) - 1) < PER_ROW and not len(trace.series(A_MEAN).value)
    if parts:
        other = message("finding-training-above-validation.summed", parts=", ".join(parts))
    elif is_sum:
        other = message("finding-training-above-validation.per-row", rows=int(median(rows)))
    elif is_late:
        other = message("finding-training-above-validation.running-mean")
    elif is_soft:
        other = message("finding-training-above-validation.soft", entropy=median(entropy))
    elif is_noisy:
        other = message("finding-training-above-validation.noisy")
    elif facts.dropout:
        other = message("finding-training-above-validation.dropped", share=facts.dropout)
    else:
        other = message("finding-training-above-validation.augmented")
    is_harmless = (len(accuracy) and median(accuracy) >= HARMLESS) or parts or is_sum or is_noisy or is_soft or is_late
    is_known = is_harmless and not other.id.endswith(".augmented")
    values = {"training": end, "validation": last, "times": end / last}
    return [
        Finding(
            kind="training-above-validation",
            severity="note" if is_harmless else "warning",
            sentence=message("finding-training-above-validation.expected", **values, because=other)
            if is_known
            else message("finding-training-above-validation.sentence", **values),
            first_step=float(validation.step[0]),
            last_step=float(validation.step[-1]),
            confidence=0.8,
            signal="loss",
            evidence={"training": end, "validation": last, "ratio": end / last, "at_start": start},
            alternatives=(other,),
            test=message("finding-training-above-validation.test"),
            candidate_causes=("dropout", "regularisation", "loss-axis", "reduction"),
        )
    ]


def _scatter(value: np.ndarray) -> float:
    """Return the standard deviation of a loss (n,) around its trend, on a log scale, of a normal one."""
    return float(np.median(np.abs(np.diff(np.log(value))))) / _OF_DIFFERENCES


def _without_delay(value: np.ndarray) -> float:
    """Return where a loss (n,) ends if each point is the mean of all before it; infinite where it is not so smooth.

    Of means m of 1 to t points the last one was m + t dm / dt.
    """
    count, part = len(value), len(value) // END
    if part < 1 or noise_of(np.log(value[count // 2 :])) > SMOOTH:
        return math.inf
    end, before = median(value[-part:]), median(value[-2 * part : -part])
    return end - count / part * (before - end)


def _learnt_parts(trace: Trace, start: float) -> list[str]:
    """Return the logged losses of which the training loss is the sum, where most of its start is learnt; else none."""
    names = other_losses(trace)
    found = weights(trace, "loss", names) if 1 < len(names) <= MOST_PARTS else None
    if found is None or found.min() <= 0:
        return []
    parts = [weight * finite(trace.series(name)).value for name, weight in zip(names, found, strict=True)]
    learnt = sum(part[0] for part in parts if median(part[-END:]) < LEARNT * median(part[:END]))
    return names if learnt > 0.5 * start else []


# A validation loss that jumps from one evaluation to the next.
UNSTEADY = 0.3  # of the loss that training began at: the usual distance from the line between its neighbours
TURNS = 0.45  # of the evaluations: the loss turns from up to down, or down to up
FEWEST_UNSTEADY = 6  # evaluations


def detect_unsteady_validation(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return a validation loss that jumps by a large part of what there is to learn, while training is steady.

    False alarms: a validation set is the same at each evaluation, so that only the model moves it; near a loss of zero
    the logarithm jumps and the loss does not, so jumps are measured in parts of the loss that training began at.
    """
    both = _both(trace)
    if both is None or len(both[1].value) < FEWEST_UNSTEADY:
        return []
    _, validation, start, end = both
    change = np.diff(validation.value)
    size = float(np.median(np.abs(np.diff(change)))) / 2 / start
    turns = float(np.mean(change[1:] * change[:-1] < 0))
    if size < UNSTEADY or turns < TURNS or end > start:
        return []
    return [
        Finding(
            kind="unsteady-validation",
            severity="warning",
            sentence=message(
                "finding-unsteady-validation.sentence",
                low=float(validation.value.min()),
                high=float(validation.value.max()),
                count=len(validation.value),
                start=start,
            ),
            first_step=float(validation.step[0]),
            last_step=float(validation.step[-1]),
            confidence=0.85,
            signal="validation_loss",
            evidence={"size": size, "turns": turns, "at_start": start},
            alternatives=(message("finding-unsteady-validation.small"), message("finding-unsteady-validation.order")),
            test=message("finding-unsteady-validation.test"),
            candidate_causes=("evaluation-preparation", "evaluation-mode", "data-order"),
        )
    ]


def _both(trace: Trace) -> tuple[Series, Series, float, float] | None:
    """Return training and validation loss, and the level at which training starts and ends; None of too few points."""
    loss, validation = finite(trace.series("loss")), finite(trace.series("validation_loss"))
    enough = len(loss.value) >= FEWEST_TRAINING and len(validation.value) >= FEWEST
    if not enough or min(loss.value.min(), validation.value.min()) <= 0:
        return None
    few, part = max(1, len(loss.value) // 20), max(1, len(loss.value) // END)
    return loss, validation, median(loss.value[:few]), median(loss.value[-part:])


def _smooth(value: np.ndarray) -> np.ndarray:
    """Return the loss (n,) as the mean of about a twentieth of its points around each, on a log scale."""
    width = max(1, len(value) // 20)
    padded = np.pad(np.log(value), (width // 2, width - 1 - width // 2), mode="edge")
    return np.exp(sliding_mean(padded, width))
