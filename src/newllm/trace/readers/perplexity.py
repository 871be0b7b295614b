"""A log that tells its loss as perplexity only: the loss is its logarithm."""

from collections.abc import Mapping

import numpy as np

from newllm.trace.series import Series

_LOSSES = {"loss": "perplexity", "validation_loss": "validation_perplexity"}


def losses_of_perplexity(signals: Mapping[str, Series]) -> dict[str, tuple[Series, int]]:
    """Return the losses that perplexities tell, where no loss is there.

    Args:
        signals: by the names of docs/signals.md.

    Returns:
        by name, the loss in nats and how many decimals it has more than the perplexity was printed with. A series
        that falls below 1, which no perplexity does, gives none.
    """
    if any(name in signals for name in _LOSSES):
        return {}
    found = {}
    for name, source in _LOSSES.items():
        series = signals.get(source)
        values = series.value[np.isfinite(series.value)] if series else np.zeros(0)
        if series is None or not len(values) or values.min() < 1 or np.isneginf(series.value).any():
            continue
        # The last digit of a perplexity of 200 is a 200th of that in its logarithm.
        finer = int(np.floor(np.log10(np.median(values))))
        found[name] = Series(series.step, np.log(series.value)), finer
    return found
