"""What is asked of several models and seeds, and the file that holds what they answered.

What is finished is written at once, and the same question goes on with what is missing. A model that cannot be built
ends it before anything is trained.
"""

import dataclasses
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from newllm.errors import UserError
from newllm.files import read_json, write_json
from newllm.machine import processor_name
from newllm.recall.contenders import Shape, build
from newllm.recall.reading import score
from newllm.recall.tasks import Size, Task
from newllm.recall.training import Plan, train
from newllm.version import VERSION

_LEAST_ROWS = 16
Run = dict[str, Any]
"""What one model from one seed was, did and answered, as the file has it."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of every model and seed.

    Attributes:
        task: the task.
        shape: of the models.
        plan: of the training.
        asked_tokens: tokens that are read for the accuracy of a size; at least 16 rows.
    """

    task: Task
    shape: Shape
    plan: Plan
    asked_tokens: int

    def settings(self) -> dict[str, Any]:
        """Return what a result must have alike to be added to."""
        return {
            "task": self.task.name,
            "trained": [str(size) for size in self.task.trained],
            "evaluated": [str(size) for size in self.task.evaluated],
            "shape": {**dataclasses.asdict(self.shape), "changes": list(self.shape.changes)},
            "plan": dataclasses.asdict(self.plan),
            "asked_tokens": self.asked_tokens,
        }

    def answer(self, name: str, seed: int, command: str) -> Run:
        """Train one model from one seed and ask it; the command is noted."""
        model = build(name, self.shape, seed)
        trained = train(model, self.task, seed, self.plan)
        scores = {
            str(size): dataclasses.asdict(score(model, self.task, size, self._rows(size)))
            for size in self.task.evaluated
        }
        return {
            "model": name,
            "seed": seed,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "state_floats_per_layer": max(found["state_floats_per_layer"] for found in scores.values()),
            "evaluations": scores,
            **dataclasses.asdict(trained),
            "machine": _machine(),
            "command": command,
        }

    def _rows(self, size: Size) -> int:
        return max(_LEAST_ROWS, self.asked_tokens // size.length)


def answer_all(
    question: Question,
    models: list[str],
    seeds: int,
    out: Path | None = None,
    *,
    command: str = "",
    told: Callable[[Run], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the result of all models and seeds, of which only those that `out` lacks are trained.

    Args:
        question: what is asked.
        models: names.
        seeds: how many, from 0.
        out: the file, None for none.
        command: what stands in the result as how it was made.
        told: hears of each run when it is finished.

    Raises:
        UserError: a model or the file cannot be, or the file is of another question.
    """
    if seeds < 1:
        raise UserError(f"--seeds {seeds}: give at least 1")
    if out is not None and not out.parent.is_dir():
        raise UserError(f"'{out.parent}' is not a directory: make it, or choose another --out")
    for name in models:  # refused before hours of training, not after
        build(name, question.shape, 0)
    result = _known(question, out)
    there = {(run["model"], run["seed"]) for run in result["runs"]}
    wanted = [(name, seed) for seed in range(seeds) for name in dict.fromkeys(models)]
    for name, seed in [one for one in wanted if one not in there]:
        run = question.answer(name, seed, command)
        result["runs"].append(run)
        if out is not None:
            write_json(out, result)
        told(run)
    return result


def _machine() -> dict[str, Any]:
    """Return what the seconds were measured on."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "newllm": VERSION,
    }


def _known(question: Question, out: Path | None) -> dict[str, Any]:
    """Return the result that is there, or one without a run."""
    settings = question.settings()
    fresh = {
        "question": "what a context of fixed size recalls, copies and tracks",
        "settings": settings,
        "floors": {str(size): question.task.floor(size) for size in question.task.evaluated},
        "runs": [],
    }
    if out is None or not out.exists():
        return fresh
    try:
        known = read_json(out)
        found = {name: known["settings"][name] for name in settings}
    except (OSError, json.JSONDecodeError, LookupError, TypeError) as error:
        raise UserError(f"'{out}' is no result of this benchmark ({error!r}): choose another --out") from error
    for name, value in settings.items():
        if found[name] != value:
            raise UserError(f"'{out}' has another {name} ({found[name]}, now {value}): choose another --out")
    return known
