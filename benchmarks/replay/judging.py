"""One run: recorded, replayed, and what the verdict and the two baselines say of it, as one row."""

import tempfile
from pathlib import Path
from typing import Any

from baselines import always_the_rate, doctors_first
from labelled import Labelled, original_of
from newllm.api import replay
from newllm.trace import Verdict
from subjects import every_run
from training import Training

_KEPT = ("name", "class", "stage", "start", "n", "spiked", "effect", "p")


def judged(name: str, budget: float) -> dict[str, Any]:
    """Return the row of one run of the benchmark.

    Args:
        name: of the run.
        budget: seconds of its verdict.
    """
    run = next(one for one in every_run() if one.name == name)
    original = original_of(run.training)
    verdict = None if original is None else _replayed(run, budget)
    return {
        "name": name,
        "kind": run.kind,
        "split": run.split,
        "model": run.training.model,
        "causes": list(run.causes),
        "budget": budget,
        "first": None if verdict is None else first_cause(verdict),
        "cause": None if verdict is None or verdict.cause is None else verdict.cause["name"],
        "doctor": doctors_first(original),
        "rate": always_the_rate(original),
        "seconds": 0.0 if verdict is None else verdict.seconds,
        "verdict": None if verdict is None else shortened(verdict),
    }


def first_cause(verdict: Verdict) -> str | None:
    """Return the cause that is named, else the first suspect, else None."""
    if verdict.cause is not None:
        return str(verdict.cause["name"])
    return str(verdict.suspects[0]["name"]) if verdict.suspects else None


def shortened(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict without the numbers that no table needs."""
    whole = verdict.as_dict()
    tried = [{key: one[key] for key in _KEPT} for one in whole["interventions"]]
    names = ("spike", "null", "nulls", "not_tried", "cause", "suspects", "missing", "sentences")
    return {**{name: whole[name] for name in names}, "interventions": tried}


def _replayed(run: Labelled, budget: float) -> Verdict:
    """Replay in this process: another run of the benchmark has the other core."""
    if isinstance(run.training, Training):
        return replay(run.training.loop(), budget=budget)
    with tempfile.TemporaryDirectory() as directory:
        return replay(run.training.train(Path(directory) / "run"), budget=budget, workers=0)
