"""Causes injected in the configuration of runs of ours; what counts as right was fixed before any verdict was seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelled import Split
from own_runs import OwnTraining

Changes = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class OwnKind:
    """One kind of cause, in our own runs.

    Attributes:
        name: with dashes; a name of kinds.py adds runs to that kind.
        split: which table its runs are in.
        what: one sentence: what is done to the healthy twin.
        causes: names of the cause that count as right.
        both: what the twin has too.
        injected: what only the run has.
        without: what the twin has instead.
        seeds: of the runs, counted from the kind's first; those left out did not hold the label, by the losses.
    """

    name: str
    split: Split
    what: str
    causes: tuple[str, ...]
    both: Changes
    injected: Changes
    without: Changes
    seeds: tuple[int, ...]

    def training(self, seed: int, *, injected: bool) -> OwnTraining:
        """Return one run, or its healthy twin."""
        return OwnTraining("cell", seed, (self.both, self.injected if injected else self.without))


_FREE: Changes = {"optimizer.clip": 0}
_SHORT: Changes = {"data.window": 32, "model.window": 32, "data.batch": 8}  # the residual twin runs layer by layer

_KINDS = (
    OwnKind(
        name="high-rate",
        split="report",
        what="the learning rate is 8 times the healthy one from the first step",
        causes=("learning-rate", "no-warm-up"),
        both=_FREE,
        injected={"optimizer.learning_rate": 3.2e-2},
        without={"optimizer.learning_rate": 4e-3},
        seeds=(0, 1),
    ),
    OwnKind(
        name="plain-depth",
        split="report",
        what="a cell whose FNN of 8 layers has no residual connections and no norms (twin: it has them)",
        causes=("plain-depth",),
        both={**_FREE, **_SHORT, "model.layers": 8, "optimizer.learning_rate": 8e-3},
        injected={"model.fnn": "plain"},
        without={"model.fnn": "residual"},
        seeds=(0, 1, 3),
    ),
    OwnKind(
        name="initialisation",
        split="report",
        what="a cell that starts from N(0, 0.02) whatever the width (twin: scaled by fan-in)",
        causes=("initialisation",),
        both={**_FREE, "optimizer.learning_rate": 1e-2},
        injected={"model.initialisation": "normal"},
        without={"model.initialisation": "scaled"},
        seeds=(0, 1, 3),
    ),
    OwnKind(
        name="context-without-norm",
        split="report",
        what="a cell with an additive context that nothing bounds (twin: LayerNorm as it is read)",
        causes=("additive-context", "unbounded-recurrence"),
        both={
            **_FREE,
            "optimizer.learning_rate": 1e-2,
            "model.rule": "additive",
            "model.initialisation": "normal",
        },
        injected={"model.norm": "none"},
        without={"model.norm": "read"},
        seeds=(1, 2, 3),
    ),
)
OWN_KINDS = {kind.name: kind for kind in _KINDS}
