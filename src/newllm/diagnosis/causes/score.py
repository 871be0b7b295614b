"""How much speaks for a cause, and what."""

from collections.abc import Sequence
from typing import NamedTuple

from newllm.messages import Message, message
from newllm.trace import Cause

DIRECT_PROBABILITY = 0.55  # of a cause for which a finding is direct evidence: see calibration.py


class Score(NamedTuple):
    """What speaks for one cause of one finding.

    Attributes:
        value: between 0 and 1, before calibration; it orders the causes.
        reason: what in this run speaks for it; None where such a finding often comes from it, and no more is known.
    """

    value: float
    reason: Message | None = None


NOTHING = Score(0.0)
MANY = 3.0  # nats at the start: so many classes are tokens
# Kinds of finding that tell of a training that goes wrong at some step or from the start.
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
# Kinds of finding about the data themselves. Nothing that happens in a training makes them what they are.
OF_DATA = frozenset(
    {
        "changed-evaluation",
        "data-order",
        "label-frequency",
        "leak",
        "near-duplicates",
        "never-trained-tokens",
        "padding-counted",
        "parameters-per-token",
        "perplexity-mismatch",
        "repeated-windows",
        "small-validation",
        "unknown-tokens",
        "validation-shift",
    }
)
FROM_START = EVENTS - {"not-finite", "gradient-explosion"}  # of a loss
UNSTABLE = EVENTS | {"plateau", "one-predicted-class"}  # or that never learns


def because(value: float, name: str, /, **parameters: object) -> Score:
    """Return a score with its reason: the message "because-NAME"."""
    return Score(value, message(f"because-{name}", **parameters))


def often(value: float) -> Score:
    """Return a score without anything in this run that speaks for it."""
    return Score(value)


def direct_cause(names: Sequence[str], probability: float = DIRECT_PROBABILITY) -> tuple[Cause, ...]:
    """Return the first of these causes, for which the finding itself is direct evidence; nothing without names."""
    return tuple(Cause(name, probability, message("because-seen")) for name in names[:1])
