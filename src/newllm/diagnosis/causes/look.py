"""What a look at a run returns: the numbers of what was seen, for its sentence; None where it was not seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from newllm.diagnosis.case import Case

Seen = Mapping[str, object] | None
Look = Callable[[Case], Seen]
NOTHING: Seen = None


@dataclass(frozen=True)
class Itself:
    """The finding of this kind, whose detector puts the cause first."""

    kind: str
    first: str = ""

    def __call__(self, case: Case) -> Seen:
        """Return nothing but that it is this finding."""
        is_first = not self.first or case.finding.candidate_causes[:1] == (self.first,)
        return {} if case.finding.kind == self.kind and is_first else NOTHING
