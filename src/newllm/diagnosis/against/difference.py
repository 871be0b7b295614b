"""One thing that differs between a run and a sound one, in words and with its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from newllm.diagnosis.against.parting import Parting
from newllm.messages import Message, message


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Attributes:
        said: in words.
        step: the first at which it does; 0 of what holds from the start by itself.
        last: the last one; None where it does so to the end.
        size: see `Parting`; infinite of what is exact.
        signal: its name in the trace; None of a setting.
        recorded: whether it was seen while the training ran, not only written down as its setting.
    """

    said: Message
    step: float
    size: float
    signal: str | None = None
    last: float | None = None
    recorded: bool = True

    @property
    def what(self) -> str:
        """What differs, whatever the values: a signal, a setting, a part of the model."""
        return self.signal or f"{self.said.id} {self.said.parameters.get('name', self.said.parameters.get('what'))}"


def as_one(found: Sequence[Difference]) -> Message:
    """Return what several differences say as one sentence."""
    first, *others = found
    return message("against-and", first=first.said, rest=as_one(others)) if others else first.said


def said_of(name: str, parting: Parting, axis: str, *, level: bool = False, follows: bool = False) -> Difference:
    """Return a signal that parts as a difference: of a level where it ends, of a rate whether it follows the loss."""
    lasts = "stays" if parting.last is None else "once" if parting.last == parting.step else "a-while"
    end = {} if parting.end is None else dict(zip(("here_end", "there_end"), parting.end, strict=True))
    said = message(
        "against-level" if level else "against-signal",
        signal=name,
        here=parting.here,
        there=parting.there,
        lasts=lasts,
        step=parting.step,
        last=parting.last,
        axis=axis,
        **({} if level else {"after": parting.after, "here_end": None, "there_end": None, **end, "follows": follows}),
    )
    return Difference(said, parting.step, parting.size, name, parting.last)
