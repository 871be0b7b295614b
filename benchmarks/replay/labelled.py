"""A run of the benchmark with its label, its healthy twin, and of two causes together each alone."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from newllm.errors import UserError
from newllm.replays.subjects.original import Original, record_original
from own_runs import OwnTraining
from training import Training

Split = Literal["tuning", "report"]
HEALTHY = "healthy"
AnyTraining = Training | OwnTraining


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """One run.

    Attributes:
        name: unique.
        kind: of its cause; "healthy" if nothing is injected.
        split: which table it may be in.
        causes: names of the cause that count as right; none for a healthy run.
        training: the run.
        twin: the same without what is injected; None for a healthy run.
        alone: of two causes together, each alone.
    """

    name: str
    kind: str
    split: Split
    causes: tuple[str, ...]
    training: AnyTraining
    twin: AnyTraining | None = None
    alone: Sequence[AnyTraining] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is injected."""
        return self.kind == HEALTHY


def original_of(training: AnyTraining) -> Original | None:
    """Train once, as `newllm.replay` would see it; return None where the doctor finds no spike."""
    try:
        if isinstance(training, Training):
            return record_original(training.loop())
        with tempfile.TemporaryDirectory() as directory:
            return training.original(training.train(Path(directory) / "run"))
    except UserError as error:
        if "nothing to replay" not in str(error):
            raise
        return None
