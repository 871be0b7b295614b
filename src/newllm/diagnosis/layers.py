"""A signal of every layer at once: `statistic/LAYER` for all layers, in the model's order."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import Message, message
from newllm.trace import Series, Trace

ROOT = "."
"""What the model itself owns, beside its layers, as the recorder calls it."""
ITSELF = "model"
"""As it is called in a sentence."""
BOUNDED = frozenset({"GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell"})
"""Kinds of layers whose outputs a tanh keeps between -1 and 1."""


def by_layer(trace: Trace, statistic: str, facts: Facts) -> dict[str, Series]:
    """Return the finite points of `statistic/LAYER` by layer.

    In the model's order where it is known, otherwise in that of the trace. Layers without a point are left out.
    """
    found = {}
    for name, series in trace.signals.items():
        if name.startswith(statistic + "/"):
            kept = np.isfinite(series.value)
            if kept.any():
                found[name.split("/", 1)[1]] = Series(series.step[kept], series.value[kept])
    order = {layer.name: place for place, layer in enumerate(facts.layers)}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))


AT_NOTHING = 2e-3  # root mean square of weights that start at nothing, or next to it: a policy's last layer


def starts_at_nothing(weight_norm: Series, name: str, facts: Facts) -> bool:
    """Whether the weights of a layer start at nothing: a ratio to them says little at first."""
    numbers = next((layer.parameters for layer in facts.layers if layer.name == name), 0) or 1
    return bool(weight_norm.value[0] < AT_NOTHING * np.sqrt(numbers))


def typical(series: Series, after: float = 0.0) -> float:
    """Return the median of the points behind the share `after` of the series (0 whole, 0.5 the second half)."""
    return float(np.median(series.value[int(after * len(series.value)) :]))


def enough(series: Series, least: int = 4) -> bool:
    """Whether there are points enough to speak of a usual value."""
    return len(series.value) >= least


def and_more(names: list[str]) -> Message:
    """Return a message of the first names, and of how many more there are."""
    return message("names-and-more", names=", ".join(names[:3]), more=max(0, len(names) - 3))
