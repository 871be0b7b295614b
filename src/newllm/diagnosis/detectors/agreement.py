"""Whether training and validation loss measure the same thing: which is higher, and how steady the validation is."""

import math

import numpy as np

from newllm.diagnosis.excursion import noise_of
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import as_shares, began_at, cases_counted, finite, sliding_mean
from newllm.diagnosis.sums import other_losses, weights
from newllm.messages import Message, message
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
LEARNT = 0.8  # of what the loss, or a part of it, began at
_OF_DIFFERENCES = 0.954  # median of the distance between two numbers that scatter by 1, of a normal distribution
FEW = 5  # updates, or fewer, before an evaluation
UNTRAINED = 0.9  # of the level that the training loss begins at
ONE_FACTOR, ENOUGH = 0.1, 4  # by how much the logarithm of one factor scatters; and times that: what is learnt
MOVING = 0.4  # of that logarithm: so far it goes while two measures are learnt that are not the same
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
    And so is one that is as many times as high at each evaluation, however far both have fallen, or was so before
    anything was learnt, or stands beside a share of errors: that is another measure, as a sum beside a mean.
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
    known, is_right = _reason(trace, both, last), len(accuracy) > 0 and median(accuracy) >= HARMLESS
    other = known or (
        message("finding-training-above-validation.dropped", share=facts.dropout)
        if facts.dropout
        else message("finding-training-above-validation.augmented")
    )
    is_harmless = known is not None or is_right
    is_known = known is not None or (is_right and facts.dropout)
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


def _reason(trace: Trace, both: tuple[Series, Series, float, float], last: float) -> Message | None:
    """Return what makes a training loss this much higher and does no harm, where that is known."""
    loss, validation, start, end = both
    entropy, rows = finite(trace.series("target_entropy")).value, trace.series("rows").value
    is_sum = len(rows) > 0 and abs(end / last / median(rows) - 1) < PER_ROW and not len(trace.series(A_MEAN).value)
    is_factor_known = len(rows) > 0 or len(trace.series("backwards").value) > 0
    is_scaled, untrained = _times_as_high(loss, validation, start)
    if parts := _learnt_parts(trace, start):
        return message("finding-training-above-validation.summed", parts=", ".join(parts))
    if is_sum:
        return message("finding-training-above-validation.per-row", rows=int(median(rows)))
    if (cases := cases_counted(validation.value)) is not None:
        return message("finding-training-above-validation.share", cases=cases)
    if is_scaled and not is_factor_known:
        return message("finding-training-above-validation.scaled")
    if untrained >= ABOVE and end < LEARNT * start and not other_losses(trace):  # which may be a part of it
        return message("finding-training-above-validation.other-measure", times=untrained)
    if _without_delay(loss.value) < ABOVE * last:
        return message("finding-training-above-validation.running-mean")
    if len(entropy) >= FEWEST_SOFT:
        return message("finding-training-above-validation.soft", entropy=median(entropy))
    if _scatter(loss.value) >= np.log(end / last):
        return message("finding-training-above-validation.noisy")
    return None


def _times_as_high(loss: Series, validation: Series, start: float) -> tuple[bool, float]:
    """Return whether the training loss is that of the validation but for a factor; else by which one it began above it.

    A model that knows nothing does equally badly on both; what it learns by a mistake takes time to learn.

    Args:
        loss: that of training.
        validation: that of the validation.
        start: level at which the training loss begins.
    """
    ends = np.searchsorted(loss.step, validation.step, side="right")
    beside = np.array([median(loss.value[max(0, end - FEW) : end + FEW // 2 + 1]) for end in ends])
    apart = np.log(beside / validation.value)
    untrained = apart[beside > UNTRAINED * start]
    fell = np.log(validation.value[0] / median(validation.value[-2:]))
    is_scaled = fell > ENOUGH * ONE_FACTOR and float(np.ptp(apart)) < ONE_FACTOR
    is_moving = len(untrained) > 0 and abs(median(apart[-2:]) - untrained[-1]) > MOVING
    return is_scaled, float(np.exp(untrained[-1])) if is_moving else 1.0


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
    loss, validation, start, end = both
    began, change = began_at(loss.value), np.diff(validation.value)
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
                start=began,
            ),
            first_step=float(validation.step[0]),
            last_step=float(validation.step[-1]),
            confidence=0.85,
            signal="validation_loss",
            evidence={"size": size * start / began, "turns": turns, "at_start": began},
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
