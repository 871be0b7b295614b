"""A request: replay one spike of one training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newllm.replays.replica.subject import Subject
from newllm.replays.subjects.original import LocatedSpike, Original
from newllm.time_limit import TimeLimit


@dataclass(frozen=True)
class ReplayRequest:
    """One spike of one training, to be replayed.

    Attributes:
        name: of the run, as it is shown.
        subject: what is replayed.
        original: what it did.
        spike: that is replayed.
        time: for everything; it runs already.
        only: interventions that were asked for; none takes all that fit.
        directory: of the results; None keeps them in memory.
        identity: what tells this spike of this run from all others, plain data.
    """

    name: str
    subject: Subject
    original: Original
    spike: LocatedSpike
    time: TimeLimit
    only: Sequence[str]
    directory: Path | None
    identity: Mapping[str, object]
