"""What an intervention is: exactly one change to a run, what it tests, and what it costs to keep."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from newllm.replays.setup import Setup
from newllm.replays.subject import Subject

Kind = Literal["optimizer", "data", "numerics", "model", "start"]
Change = Callable[[Setup], None]


def _fits(subject: Subject) -> str:  # noqa: ARG001 (every test is called alike)
    return ""


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """One change.

    Attributes:
        name: unique, a short name with dashes.
        kind: where it acts.
        change: what it does, as a noun phrase ("the learning rate halved").
        hypothesis: what must be true if it removes the spike, a sentence.
        price: what it costs if it is kept, a sentence.
        causes: names of what it speaks for if it removes the spike, the most direct first (as in
            `newllm.diagnosis.causes`). Interventions with the same first cause act on one mechanism, others are rivals.
        aims_at: the signal that it must move for the test to count (see `newllm.replays.signals`, "context_norm", or
            "batches" for what was read).
        direction: -1 where it must fall, 1 rise, 0 change.
        apply: makes the change in a setup.
        from_start: it cannot keep the function, so it is replayed from step 0.
        fits: from the subject to the reason why it cannot be tried there, "" where it can.
        plant: brings the suspected cause into a healthy stretch, about as strongly as `apply` takes it away; None where
            there is no such thing.
        stable: where the cause cannot be planted while a run goes on (it is in the model's shape): another healthy
            configuration, from step 0, that it is planted into.
        slowness: how many times the null's steps it is expected to need for equal progress.
    """

    name: str
    kind: Kind
    change: str
    hypothesis: str
    price: str
    causes: tuple[str, ...]
    aims_at: str
    direction: Literal[-1, 0, 1]
    apply: Change
    from_start: bool = False
    fits: Callable[[Subject], str] = _fits
    plant: Change | None = None
    stable: Change | None = None
    slowness: float = 1.0

    @property
    def mechanism(self) -> str:
        """The most direct cause that it speaks for."""
        return self.causes[0]


def ours(subject: Subject) -> str:
    """Return why a change of our model's configuration cannot be tried, "" where it can."""
    return "" if subject.is_ours else "it changes a configuration of newllm train, and this is another training"
