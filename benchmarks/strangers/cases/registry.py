"""The list of runs: a name, the program that trains it, its switches, and what is true of it.

A case is declared by `healthy` or `faulty` beside the program that it runs. What holds of a whole kind of fault (causes
that are accepted, wrong ones, severity) stands once, in kinds.toml.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Visible = Literal["log", "recording", "no"]
Program = Callable[..., None]


@dataclass(frozen=True)
class Out:
    """Where a run writes, and how.

    Attributes:
        folder: for the log; it exists.
        recorded: whether a recording of `newllm.record` is made too, in `folder/recording`.
        quick: a tenth of the steps, to see whether the programs still run.
        seed: of everything random in the run.
    """

    folder: Path
    recorded: bool
    quick: bool
    seed: int

    def steps(self, count: int) -> int:
        """Return how many steps are trained where the full run has `count`."""
        return max(12, count // 10) if self.quick else count


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        name: of the run and of its folder.
        trainer: "transformers", "lightning" or "plain".
        task: what is learned, in a word or two.
        kind: "healthy", or a kind of kinds.toml.
        program: called with an Out and the switches.
        sentence: what is wrong; of a healthy run what is odd about it.
        steps: first and last step of the training that are wrong, counted from 0; None as last: to the end.
        visible: where a careful reader could see the fault.
        why: a fault that is not visible: why not.
        recorded: whether there is a recording too.
        switches: arguments of the program.
    """

    name: str
    trainer: str
    task: str
    kind: str
    program: Program
    sentence: str
    steps: tuple[int, int | None] | None = None
    visible: Visible = "log"
    why: str = ""
    recorded: bool = False
    switches: dict[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """A number of its own for each name."""
        return zlib.crc32(self.name.encode()) % 100_000


CASES: dict[str, Case] = {}


class Group:
    """Declares cases of one trainer, task and program."""

    def __init__(self, trainer: str, task: str, program: Program, /, **common: Any):
        self.trainer, self.task, self.program, self.common = trainer, task, program, common

    def healthy(self, name: str, sentence: str, *, recorded: bool = False, **switches: Any) -> None:
        """Declare a run with nothing wrong."""
        self._add(Case(name, self.trainer, self.task, "healthy", self.program, sentence, recorded=recorded,
                       switches=self.common | switches))  # fmt: skip

    def faulty(
        self,
        name: str,
        kind: str,
        sentence: str,
        steps: tuple[int, int | None] = (0, None),
        /,
        *,
        visible: Visible = "log",
        why: str = "",
        recorded: bool = False,
        **switches: Any,
    ) -> None:
        """Declare a run with a fault of a kind."""
        self._add(Case(name, self.trainer, self.task, kind, self.program, sentence, steps, visible, why, recorded,
                       self.common | switches))  # fmt: skip

    def _add(self, case: Case) -> None:
        if case.name in CASES:
            raise ValueError(f"two cases are called {case.name}")
        CASES[case.name] = case
