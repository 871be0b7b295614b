"""What is asked of a session of replays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newllm.replays.original import Original, Spike
from newllm.replays.subject import Subject
from newllm.time_limit import TimeLimit


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        name: of the run, in words.
        subject: what is replayed.
        original: what it did.
        spike: that is replayed.
        time: for everything; it runs already.
        only: interventions that were asked for; none takes all that fit.
        place: the directory of the results; None keeps them in memory.
        identity: what tells this spike of this run from all others, plain data.
    """

    name: str
    subject: Subject
    original: Original
    spike: Spike
    time: TimeLimit
    only: Sequence[str]
    place: Path | None
    identity: Mapping[str, object]
