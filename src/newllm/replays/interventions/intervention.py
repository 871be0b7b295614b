"""What an intervention is: exactly one change to a run.

A new one is an `Intervention` in this package's registry, and in `newllm/messages/` a message "change-NAME" in each
language, which says what it does, what it tests, and what it costs to keep.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from newllm.messages import Message, message
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject

Kind = Literal["optimizer", "data", "numerics", "model", "start"]
"""Where an intervention acts, and the folder or file that it stands in; "start" is initialisation.py."""

ON_UPDATES: tuple[Kind, ...] = ("optimizer", "model", "start")
"""Kinds that act on what becomes of a batch, and so may limit any update; the others change what is read or kept."""

Change = Callable[[Setup], None]


def _none(subject: Subject) -> None:  # noqa: ARG001 (every test is called alike)
    return None


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """One change.

    Attributes:
        name: unique, a short name with dashes.
        kind: where it acts.
        causes: names of what it speaks for if it removes the spike, the most direct first (as in
            `newllm.diagnosis.causes`). The first names its mechanism; two interventions are rivals
            if they share none.
        aims_at: the signal that it must move for the test to count: of `replays.replica.update_signals`, or
            "context_norm", or "batches" for what was read; "numerics", "validation", "dropout" and "state" are
            moved by construction.
        direction: -1 where it must fall, 1 rise, 0 change.
        apply: makes the change in a setup.
        from_start: it cannot keep the function, so it is replayed from step 0.
        misfit: from the subject to the reason why it cannot be tried there, None where it can.
        inject: brings the suspected cause into a healthy segment, about as strongly as `apply` takes it away; None
            where there is no such thing.
        stable: where the cause cannot be injected while a run goes on (it is in the model's shape): another healthy
            configuration, from step 0, that it is injected into.
        slowness: how many times the null's steps it is expected to need for equal progress.
        values: the numbers in its words, by the names that they have in the messages.
        restores: whether it puts back, or leaves out, what the run was given while it went on (a rate, batches, a
            state) and limits no update that the run would have had without that. What limits updates, as clipping
            does, removes many a spike whatever brought it about, and so does not speak against what restores.
        evidence: "weights" or "moments" where it is tried only if the recorder's ledger saw those change between two
            updates of the original; a kind of `replica.settings` where only if that changed before the spike; else "".
    """

    name: str
    kind: Kind
    causes: tuple[str, ...]
    aims_at: str
    direction: Literal[-1, 0, 1]
    apply: Change
    from_start: bool = False
    misfit: Callable[[Subject], Message | None] = _none
    inject: Change | None = None
    stable: Change | None = None
    slowness: float = 1.0
    values: Mapping[str, float] = field(default_factory=dict, hash=False)
    restores: bool = False
    evidence: str = ""

    @property
    def main_cause(self) -> str:
        """The most direct cause that it speaks for."""
        return self.causes[0]


def not_ours(subject: Subject) -> Message | None:
    """Return why a change of our model's configuration cannot be tried, None where it can."""
    return None if subject.is_ours else message("misfit-not_ours")
