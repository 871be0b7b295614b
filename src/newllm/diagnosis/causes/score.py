"""How much speaks for a cause, and what."""

from collections.abc import Sequence
from typing import NamedTuple

from newllm.messages import Message, message
from newllm.trace import Cause

SEEN = 0.76  # probability of a cause that a detector saw itself


class Score(NamedTuple):
    """What speaks for one cause of one finding.

    Attributes:
        value: between 0 and 1, before calibration; it orders the causes.
        reason: what in this run speaks for it; None where such a finding often comes from it, and no more is known.
    """

    value: float
    reason: Message | None = None


NOTHING = Score(0.0)
# Kinds of finding: the training has left its way, at some step or from the start.
EVENTS = frozenset(
    {
        "spike",
        "diverged",
        "slow-divergence",
        "worse-than-uniform",
        "worse-than-untrained",
        "not-finite",
        "gradient-explosion",
    }
)
UNSTABLE = EVENTS | {"plateau", "one-predicted-class"}  # or never found it


def because(value: float, name: str, /, **parameters: object) -> Score:
    """Return a score with its reason: the message "because-NAME"."""
    return Score(value, message(f"because-{name}", **parameters))


def often(value: float) -> Score:
    """Return a score without anything in this run that speaks for it."""
    return Score(value)


def seen(names: Sequence[str], probability: float = SEEN) -> tuple[Cause, ...]:
    """Return the first of these causes as the one that a detector saw itself; nothing of none."""
    return tuple(Cause(name, probability, message("because-seen")) for name in names[:1])
