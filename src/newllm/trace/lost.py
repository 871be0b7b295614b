"""Steps that a run took and its trace does not hold: a file lost its end, or lines were taken out of it."""

import functools

import numpy as np

from newllm.messages import Message, message
from newllm.trace.remark import Remark, left_out
from newllm.trace.series import Series

_NAMED = 3  # stretches


def lost_steps(loss: Series, come_to: int | None = None) -> tuple[Remark, ...]:
    """Say which steps have no loss, in one remark; nothing where all are there.

    Args:
        loss: of one of our own trainings, which records it at every step from 1 on.
        come_to: the step that the training has come to; None takes the last that has a loss.
    """
    last = come_to if come_to is not None else int(loss.step.max(initial=0))
    there = np.unique(loss.step[(loss.step >= 1) & (loss.step <= last)])
    edges = np.concatenate([[0], there, [last + 1]])
    at = np.flatnonzero(np.diff(edges) > 1)
    holes = list(zip((edges[at] + 1).tolist(), (edges[at + 1] - 1).tolist(), strict=True))
    if not holes:
        return ()
    named = functools.reduce(
        _listed, (message("remark-steps", first=a, last=None if a == b else b) for a, b in holes[:_NAMED])
    )
    return (left_out("remark-lost-steps", steps=named, more=max(0, len(holes) - _NAMED)),)


def _listed(before: Message, following: Message) -> Message:
    return message("remark-listed", before=before, following=following)
