"""Where a gradient that is not finite began: in which layers it is, and which function leads to just those.

The gradient goes from the loss to the inputs, and what is not finite stays so on the way: it began between the layers
whose gradient is finite and those whose is not.
"""

from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import ITSELF, ROOT
from newllm.trace import Trace

_OF_A_LAYER = "gradient_norm/"


@dataclass(frozen=True)
class LostGradient:
    """The first gradient that is not finite, of a loss that is.

    Attributes:
        step: where it is.
        lost, kept: layers whose gradient is not finite there, and is, in the model's order; both empty where the layers
            were not looked at then.
        functions: that the loss was made with, whose derivative is infinite somewhere and which lead to just the layers
            that are lost; the first alone where the loss shows what is not finite itself.
    """

    step: float
    lost: tuple[str, ...]
    kept: tuple[str, ...]
    functions: tuple[str, ...]


def lost_gradient(trace: Trace, facts: Facts) -> LostGradient | None:
    """Return where it began; None where the gradient is always finite, or the loss of that step is not."""
    norm, loss = trace.series("gradient_norm"), trace.series("loss")
    bad, worse = norm.step[~np.isfinite(norm.value)], loss.step[~np.isfinite(loss.value)]
    if not len(bad) or (len(worse) and bad[0] >= worse[0]):
        return None
    step = float(bad[0])
    values = {
        name.removeprefix(_OF_A_LAYER): float(series.value[series.step == step][-1])
        for name, series in trace.signals.items()
        if name.startswith(_OF_A_LAYER) and (series.step == step).any()
    }
    order = {layer.name: place for place, layer in enumerate(facts.layers)}
    names = sorted(values, key=lambda name: order.get(name, len(order)))
    lost = tuple(name for name in names if not np.isfinite(values[name]))
    kept = tuple(name for name in names if np.isfinite(values[name]))
    return LostGradient(step, _said(lost), _said(kept), _leading_to(lost, kept, facts))


def _said(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(ITSELF if name == ROOT else name for name in names)


def _leading_to(lost: tuple[str, ...], kept: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    if not lost:
        return ()
    leading = [one for one in facts.singular if {*one.layers} & {*lost, *kept} == {*lost}]
    shown = [one for one in leading if not one.hidden] or leading
    return tuple(dict.fromkeys(one.function for one in shown))
