"""Which columns of a log a person says are its loss, its steps, its learning rate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from newllm.errors import UserError
from newllm.trace.readers.naming import clean

_LISTED = 40


@dataclass(frozen=True)
class Chosen:
    """Names of columns as the log has them; None leaves it to the reader to find out.

    Attributes:
        loss: the training loss, nats.
        step: what the rows are placed by.
        signals: other signals of docs/signals.md, such as the learning rate, to columns.
    """

    loss: str | None = None
    step: str | None = None
    signals: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.loss is not None or self.step is not None or bool(self.signals)

    @property
    def options(self) -> str:
        """The options that name them, for a message."""
        loss = ("--loss",) if self.loss is not None else ()
        step = ("--step",) if self.step is not None else ()
        return ", ".join((*loss, *step, *(f"--role {signal}" for signal in self.signals)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that were given, as `clean` writes them."""
        return tuple(clean(name) for name in (self.loss, self.step, *self.signals.values()) if name is not None)


def column_named(option: str, name: str, known: Iterable[str], source: object) -> str:
    """Return the column of a name.

    Args:
        option: that named it, for the message.
        name: as it was given.
        known: columns of numbers that there are.
        source: the log, for the message.

    Raises:
        UserError: there is no such column.
    """
    names = sorted(known)
    if clean(name) in names:
        return clean(name)
    shown = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
    raise UserError(f"{option} '{clean(name)}': '{source}' has no such column of numbers: it has {shown or 'none'}")
