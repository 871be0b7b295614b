"""What a study is: arms, seeds, data sets, and claims that name their measure before the first run.

`Study` itself, which puts them together, is in `study.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newllm.training.config import RunConfig

Record = dict[str, Any]
"""What one cell measured: plain data, series by epoch."""

Row = dict[str, Any]
"""Scalar outcomes of one cell: arm, seed, data, and what the study derives from its record."""

Rows = Mapping[str, Sequence[Row]]
"""The rows of each arm, in the order of the seeds."""

VERDICTS = ("holds", "holds in part", "does not hold", "undecided")


@dataclass(frozen=True)
class Arm:
    """One configuration, and in one line what it is there for.

    Attributes:
        name: unique in the study.
        purpose: one line.
        preset: where its configuration begins.
        settings: what differs, as `KEY=VALUE`.
        epochs: how long it trains, in measurements (`training.evaluate_every` updates each).
        variant: which form of each data set it trains on; the study's `lay_out` knows them.
        control: the arm that it is paired with, "" for none.
    """

    name: str
    purpose: str
    preset: str
    settings: tuple[str, ...] = ()
    epochs: int = 50
    variant: str = ""
    control: str = ""


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        arm: the arm's name.
        seed: of every stream of chance.
        data: the data set's name.
        config: complete but for what the machine decides.
        key: hash of configuration, texts and seed; a cell with a record is never run again.
    """

    arm: str
    seed: int
    data: str
    config: RunConfig
    key: str


@dataclass(frozen=True)
class Decision:
    """What the measurements say of a claim.

    Attributes:
        verdict: one of VERDICTS.
        numbers: the primary measure: estimates, intervals and counts by name.
        p: p value of the primary comparison; None where the claim is judged without one.
        otherwise: the verdict where p, adjusted over all claims, is above 0.05.
    """

    verdict: str
    numbers: dict[str, Any]
    p: float | None = None
    otherwise: str = "undecided"


@dataclass(frozen=True)
class Claim:
    """A sentence to be tested.

    Attributes:
        id: short and stable.
        text: the claim.
        measure: its one primary measure and how it decides, in words; fixed before the first run.
        arms: the arms that decide it.
        decide: from the rows of those arms to the decision.
        compares: it is to be decided by a p value, so that it counts in Holm's correction even where it gets none.
        needs: fewer seeds than this cannot decide: the claim is then undecided.
    """

    id: str
    text: str
    measure: str
    arms: tuple[str, ...]
    decide: Callable[[Rows], Decision]
    compares: bool = False
    needs: int = 6
