"""The layer whose gradient grows most before the onset, frozen.

Which one it is, is measured in the replay itself, over the first half of the way to the onset: the median of its
last gradient norms by that of its first. So it needs no record of the original, and the layer has half of the way
without it. Layers are modules with parameters of their own (`newllm.recorder.layers`).
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from torch import nn

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.recorder import gradient_norms
from newllm.recorder.layers import layers
from newllm.replays.interventions.anatomy import anatomy
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject

_POINTS = 3  # updates at either end whose median counts


def fastest(norms: Sequence[dict[str, float]]) -> str:
    """Return the layer whose gradient norm grew most.

    Args:
        norms: of each layer, at two updates or more.

    Raises:
        UserError: no layer had a gradient at the start.
    """
    points = min(_POINTS, len(norms) // 2)
    growth = {}
    for name in norms[0]:
        first, last = (_median(part, name) for part in (norms[:points], norms[-points:]))
        if first > 0 and math.isfinite(last / first):
            growth[name] = last / first
    if not growth:
        raise UserError("no layer had a gradient at the start of the replay: there is none to freeze")
    return max(growth, key=lambda name: growth[name])


def _median(norms: Sequence[dict[str, float]], name: str) -> float:
    return float(np.median([one.get(name, math.nan) for one in norms]))


def _freeze_fastest(replica: Replica, setup: Setup) -> None:
    updates = max(2, (setup.onset - setup.start) // 2)
    norms: list[dict[str, float]] = []
    own = replica.clip

    def clip(parameters: Iterable[nn.Parameter]) -> float:
        if len(norms) < updates:
            norms.append(gradient_norms(replica.model))
            if len(norms) == updates:
                for parameter in layers(replica.model)[fastest(norms)]:
                    parameter.requires_grad_(False)
                    parameter.grad = None
        return own(parameters)

    replica.clip = clip


def _misfit(subject: Subject) -> Message | None:
    return None if len(anatomy(subject).layers) > 1 else message("misfit-single_layer")


FREEZE_LAYER = Intervention(
    name="freeze-layer",
    kind="model",
    causes=("runaway-layer",),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.attach.append(lambda replica: _freeze_fastest(replica, setup)),
    misfit=_misfit,
    slowness=1.5,
)
