"""Runs of `newllm train` with a cause in their configuration: small cells and stacks on the letters of a novel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import newllm
from newllm.replays.subjects.original import Original, read_original
from newllm.replays.subjects.own_run import OwnRun

STEPS = 240
_TEXT = "bundled:moby-dick"
_BASE: dict[str, Any] = {
    "model.width": 32,
    "model.layers": 2,
    "model.hidden": 64,
    "model.context": 32,
    "model.heads": 2,
    "model.window": 64,
    "data.window": 64,
    "data.batch": 4,
    "optimizer.learning_rate": 4e-3,
    "optimizer.schedule": "constant",
    "optimizer.warmup": 20,
    "optimizer.weight_decay": 0.0,
    "optimizer.beta2": 0.99,
    "training.evaluate_every": 24,
    "training.evaluate_tokens": 2048,
    "training.snapshot_every": 12,
    "training.keep": 100,
    "numerics.device": "cpu",
    "numerics.threads": 1,
    "numerics.precision": "fp32",
}


@dataclass(frozen=True)
class OwnTraining:
    """One run of ours.

    Attributes:
        body: of the model.
        seed: of every stream of chance.
        changes: of the base configuration, `KEY: value`; later ones win.
    """

    body: str
    seed: int
    changes: Sequence[Mapping[str, Any]] = ()

    @property
    def model(self) -> str:
        """What the tables call it."""
        return f"newllm {self.body}"

    def train(self, place: Path) -> Path:
        """Train it into a directory that is not there yet, and return the directory."""
        values = {key: value for part in (_BASE, *self.changes) for key, value in part.items()}
        newllm.train(
            _TEXT,
            out=place,
            preset="tiny",
            body=self.body,
            seed=self.seed,
            budget=newllm.Budget(steps=STEPS),
            settings=[f"{key}={value}" for key, value in values.items()],
        )
        return place

    def original(self, place: Path) -> Original:
        """Return what a trained run did.

        Raises:
            UserError: the doctor finds no spike in it.
        """
        return read_original(OwnRun(place))
