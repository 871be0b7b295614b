"""A loss that takes the rows of a batch in the order in which they happen to come."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import LAST, end_level, median, start_level
from newllm.diagnosis.losses import finite
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 10  # sampled updates
BY_PLACE = 0.2  # a correlation, in both halves of the batch
LEFT = 0.95  # of the loss at the start: nothing is learnt
MOSTLY = 0.9  # of the updates have it with the same sign


def detect_place_in_batch(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that what a loss asks of a row hangs on its place in the batch, where nothing is learnt.

    False alarms: batches that are in an order of their own (in time, by their targets) have such a gradient too, and
    are learnt; so is what a policy did, one step after another.
    """
    place, loss = finite(trace.series("pull_by_place")), finite(trace.series("loss"))
    if len(place.value) < FEWEST or not training_kind(trace, facts).loss_is_progress:
        return []
    if loss.value.min() < 0 or end_level(loss, LAST) < LEFT * start_level(loss):
        return []
    by = median(place.value)
    if abs(by) < BY_PLACE or float(np.mean(np.sign(place.value) == np.sign(by))) < MOSTLY:
        return []
    return [
        Finding(
            kind="place-in-batch",
            severity="warning",
            sentence=message("finding-place-in-batch.sentence", count=len(place.value), falls=by < 0, by=abs(by)),
            first_step=float(place.step[0]),
            last_step=trace.last_step,
            confidence=0.85,
            signal="loss",
            evidence={"by_place": by, "batches": len(place.value)},
            alternatives=(message("finding-place-in-batch.ordered"),),
            test=message("finding-place-in-batch.test"),
        )
    ]
