"""How many epochs a log has come to the end of."""

import numpy as np

from newllm.trace.series import Series, Trace


def epochs_done(trace: Trace) -> float | None:
    """Return how many epochs are over, with the part of the last one that is; None where a log does not say.

    Programs count them from 0 or from 1: a log that begins later goes on with a training, and is taken to count from 1.
    Of an epoch that has begun it is known how much is done where epochs before it tell how long one is.
    """
    if trace.axis == "epoch":
        first = min((float(one.step[0]) for one in trace.signals.values() if len(one.step)), default=0.0)
        return trace.last_step - min(first, 1.0) + 1
    epochs: Series | None = trace.epochs
    if epochs is None or not len(epochs.value):
        return None
    last = float(epochs.value[-1])
    if np.any(epochs.value != np.round(epochs.value)):
        return last
    return last - min(float(epochs.value[0]), 1.0) + _part_of_last(epochs)


def _part_of_last(epochs: Series) -> float:
    begins = epochs.step[np.concatenate([[True], np.diff(epochs.value) > 0])]
    lengths = np.diff(begins)
    if not len(lengths):
        return 0.0
    done = float(epochs.step[-1] - begins[-1] + np.median(np.diff(epochs.step)))
    return min(1.0, done / float(np.median(lengths)))
