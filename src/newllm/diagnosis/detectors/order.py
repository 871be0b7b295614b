"""The order in which data are read, seen by the loss alone: batches like their neighbours, epoch after epoch."""

import itertools

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import as_shares, comparable, finite, rolling_median
from newllm.messages import Message, message
from newllm.trace import Finding, Series, Trace

# The same rise and fall in each epoch, where neighbours are alike.
FEWEST_POINTS = 15  # of an epoch
ALIKE = 0.7  # correlation of the loss above its trend between an epoch and the next
NEIGHBOURS = 0.6  # correlation from point to point: shuffled batches scatter

# Batches of one class each.
FEWEST_BATCHES = 20
ALL_OR_NOTHING = 0.9  # of the batches: all right, or all wrong
SINGLES = 50  # of them without any in between are of one sample each


def detect_order(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return what shows that the data are read in an order that means something.

    False alarms: a loader that reads shuffled data in the same order in each epoch repeats the scatter of its batches,
    which is harmless: there neighbours are not alike. Batches of which all or none are right are those of one class;
    a batch of one sample is always so, so some have to be in between; a model that is right everywhere is so, too, so
    both have to occur, and the loss may not be near zero.
    """
    return _by_epochs(trace) or _by_batches(trace)


def _by_epochs(trace: Trace) -> list[Finding]:
    loss = finite(trace.series("loss"))
    place = _place(trace.epochs, loss.step)
    if place is None or len(loss.value) < 2 * FEWEST_POINTS:
        return []
    # Half of the epochs have to hold FEWEST_POINTS; a damaged log may name billions of them.
    if place.min() < 0 or not 2 <= place.max() <= 2 * len(place) / FEWEST_POINTS:
        return []
    whole = int(place.max())
    count = int(np.median(np.bincount(place.astype(int))))
    if count < FEWEST_POINTS:
        return []
    scaled = comparable(loss.value)
    risen = scaled - rolling_median(scaled, count)
    grid = (np.arange(count) + 0.5) / count
    order = np.argsort(place, kind="stable")
    ends = np.searchsorted(place[order], np.arange(1, whole + 1))
    epochs = np.split(order, ends)[:whole]
    profiles = [
        np.interp(grid, place[points] - one, risen[points])
        for one, points in enumerate(epochs)
        if len(points) >= count // 2
    ]
    if len(profiles) < 2 or min(float(np.std(one)) for one in profiles) <= 0:
        return []
    pairs = itertools.pairwise(profiles)
    alike = float(np.median([np.corrcoef(one, following)[0, 1] for one, following in pairs]))
    near = float(np.corrcoef(risen[1:], risen[:-1])[0, 1])
    if alike < ALIKE or near < NEIGHBOURS:
        return []
    sentence = message("finding-data-order.by-loss", alike=alike, neighbours=near, epochs=len(profiles))
    return [_order(loss, sentence, {"alike": alike, "neighbours": near}, 0.85)]


def _place(epochs: Series | None, steps: np.ndarray) -> np.ndarray | None:
    """Return at which epoch (n,), counted from 0 with its fraction, each step lies; None where that is not known."""
    if epochs is None or len(epochs.value) < 2 or not len(steps):
        return None
    value = epochs.value
    if np.any(value != np.round(value)):
        return np.interp(steps, epochs.step, value)
    starts = np.append(epochs.step[0], epochs.step[1:][np.diff(value) > 0])
    if len(starts) < 3:
        return None
    ends = np.append(starts, 2 * starts[-1] - starts[-2])
    return np.interp(steps, ends, np.arange(len(ends)))


def _by_batches(trace: Trace) -> list[Finding]:
    accuracy, loss = finite(trace.series("accuracy")), finite(trace.series("loss"))
    value = as_shares(accuracy.value)
    right, wrong = value >= 1.0, value <= 0.0
    if len(value) < FEWEST_BATCHES or not len(loss.value) or np.median(loss.value) < 0.1:
        return []
    if np.mean(right | wrong) < ALL_OR_NOTHING or min(right.sum(), wrong.sum()) < 3:
        return []
    if (right | wrong).all() and len(value) >= SINGLES:
        return []  # batches of one class become all right little by little; one sample never does
    sentence = message("finding-data-order.by-accuracy", share=float(np.mean(right | wrong)), count=len(value))
    return [_order(accuracy, sentence, {"share": float(np.mean(right | wrong))}, 0.8, "accuracy")]


def _order(
    series: Series, sentence: Message, evidence: dict[str, float], confidence: float, signal: str = "loss"
) -> Finding:
    return Finding(
        kind="data-order",
        severity="warning",
        sentence=sentence,
        first_step=float(series.step[0]),
        last_step=float(series.step[-1]),
        confidence=confidence,
        signal=signal,
        evidence=dict(evidence),
        alternatives=(
            message("finding-data-order.single-samples" if signal == "accuracy" else "finding-data-order.planned"),
        ),
        test=message("finding-data-order.read-test"),
        candidate_causes=("data-order",),
    )
