"""What a report shows of the sound run that a run was held against, and of a search for the change that did it."""

from dataclasses import dataclass

from newllm.bisection.result import Bisection
from newllm.trace import Remark, Trace


@dataclass(frozen=True, eq=False)
class Held:
    """The sound run that a run was held against.

    Attributes:
        name: of it, as it is shown.
        trace: of it, whose curves are drawn in grey.
        remarks: on what was held against what.
        command: that finds which change of the program did it; empty where none may have.
        bisection: what that command has found; None where nobody has asked it, or about another sound run.
    """

    name: str
    trace: Trace
    remarks: tuple[Remark, ...] = ()
    command: str = ""
    bisection: Bisection | None = None
