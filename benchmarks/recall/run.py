"""What can a context of fixed size recall, copy and track, and what not?

    python benchmarks/recall/run.py --task mqar --steps 20000 --seeds 3 --out FILE.json
        [--models stack,delta,hybrid,attention,lstm,zero] [--seconds S] [--width 64] [--layers 2] [--rate 2e-3]
        [--weight-decay 0.1] [--batch-tokens 4096] [--vocabulary 8192] [--zero-fillers] [--train 4x64 8x128]
        [--evaluate 64x2048 64x65536] [--asked-tokens 131072] [--set context=128] [--tied] [--precision bf16]
        [--threads 1]
    python benchmarks/recall/run.py --quick [--task NAME] [--models ...] [--out FILE.json]

Trains each model on rows of the task (README.md says what each asks and from which paper), each step on one of several
sizes of at most 256 tokens, then asks it about rows of these and other sizes, longer ones too, in chunks with the
state carried. All models have one width and number of layers; their parameters, the numbers that a layer carries and
what guessing gives stand beside the accuracies. Seeds are of weights and training rows; the rows that are asked about
are the same for all. What is finished is written at once, and the same command goes on with what is missing. A model
of --models whose rule this newllm does not have ends it before anything is trained.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

_BENCHMARKS = Path(__file__).parents[1]
sys.path.insert(0, str(_BENCHMARKS.parent))
sys.path.append(str(_BENCHMARKS / "shared"))

from benchmarks.recall.contenders import MODELS, Shape, build, model_config  # noqa: E402
from benchmarks.recall.reading import score  # noqa: E402
from benchmarks.recall.tasks import TASKS, Size, Task, mqar_task, parse_size  # noqa: E402
from benchmarks.recall.training import Plan, train  # noqa: E402

import machine  # noqa: E402
from newllm.errors import UserError, unknown_name  # noqa: E402
from newllm.files import read_json, to_json, write_json  # noqa: E402

_LEAST_ROWS = 16


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

    def answer(self, name: str, seed: int) -> dict[str, Any]:
        """Train one model from one seed and ask it."""
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
            "machine": machine.describe(),
            "command": " ".join(["python", *sys.argv]),
        }

    def _rows(self, size: Size) -> int:
        return max(_LEAST_ROWS, self.asked_tokens // size.length)


def answer_all(question: Question, models: list[str], seeds: list[int], out: Path | None) -> dict[str, Any]:
    """Return the result of all models and seeds, of which only those that `out` lacks are trained."""
    if out is not None and not out.parent.is_dir():
        raise UserError(f"'{out.parent}' is not a directory: make it, or choose another --out")
    result = _known(question, out)
    for name in models:
        model_config(name, question.shape)  # refused before hours of training, not after
    there = {(run["model"], run["seed"]) for run in result["runs"]}
    for seed, name in [(seed, name) for seed in seeds for name in models if (name, seed) not in there]:
        run = question.answer(name, seed)
        result["runs"].append(run)
        if out is not None:
            write_json(out, result)
        print(_line(run), file=sys.stderr, flush=True)
    return result


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


def _line(run: dict[str, Any]) -> str:
    """Return one run for a person."""
    scores = "  ".join(f"{size} {found['accuracy']:.3f}" for size, found in run["evaluations"].items())
    return f"{run['model']} seed {run['seed']}: {run['steps']} steps, {run['seconds']:.0f} s, right: {scores}"


def question_of(arguments: argparse.Namespace) -> Question:
    """Return what the command line asks."""
    task = _task(arguments)
    trained = max(size.length for size in task.trained)
    asked = max(trained, *(size.length for size in task.evaluated))
    changes, tied = tuple(arguments.set), arguments.tied
    shape = Shape(arguments.width, arguments.layers, task.vocabulary, trained, asked, changes, tied)
    steps = 2000 if arguments.steps is None and arguments.seconds is None else arguments.steps
    of_optimizer = arguments.rate, arguments.weight_decay
    plan = Plan(steps, arguments.seconds, arguments.batch_tokens, *of_optimizer, precision=arguments.precision)
    if not arguments.quick:
        return Question(task, shape, plan, arguments.asked_tokens)
    plan = dataclasses.replace(plan, steps=20, seconds=None, batch_tokens=512)
    return Question(task, dataclasses.replace(shape, width=32), plan, asked_tokens=1024)


def _task(arguments: argparse.Namespace) -> Task:
    if arguments.task not in TASKS:
        raise unknown_name("task", arguments.task, TASKS)
    task = TASKS[arguments.task]
    if arguments.task == "mqar":
        task = mqar_task(arguments.vocabulary or task.vocabulary, random_fillers=not arguments.zero_fillers)
    elif arguments.vocabulary or arguments.zero_fillers:
        raise UserError(f"--vocabulary and --zero-fillers are of mqar, and the task is '{arguments.task}': drop them")
    if arguments.quick:
        task = dataclasses.replace(task, trained=task.trained[:2], evaluated=task.evaluated[:2])
    trained, evaluated = (tuple(map(parse_size, sizes)) for sizes in (arguments.train, arguments.evaluate))
    task = dataclasses.replace(task, trained=trained or task.trained, evaluated=evaluated or task.evaluated)
    for size in (*task.trained, *task.evaluated):
        task.draw(np.random.default_rng(0), 1, size)  # refused now, not after a training
    return task


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="mqar", help=", ".join(TASKS))
    parser.add_argument("--models", default=",".join(MODELS), help="by commas")
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 0")
    parser.add_argument("--steps", type=int, help="2000 where no seconds are given")
    parser.add_argument("--seconds", type=float, help="of each training")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--vocabulary", type=int, help="of mqar")
    parser.add_argument("--zero-fillers", action="store_true", help="of mqar: 0 in place of random tokens")
    sizes = {"nargs": "+", "default": [], "metavar": "ITEMSxLENGTH"}
    parser.add_argument("--train", **sizes, help="sizes in place of the task's own")
    parser.add_argument("--evaluate", **sizes, help="the same, of what is asked")
    parser.add_argument("--asked-tokens", type=int, default=1 << 17, help="read for the accuracy of each size")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of every model")
    parser.add_argument("--tied", action="store_true", help="the head is the embedding's matrix, without a bias")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of the training")
    parser.add_argument("--threads", type=int, help="torch's own choice by default")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="20 small steps: that it runs, not what it says")
    return parser


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        question = question_of(arguments)
        result = answer_all(question, arguments.models.split(","), list(range(arguments.seeds)), arguments.out)
    except UserError as error:
        sys.exit(str(error))
    if arguments.out is None:
        print(to_json(result, indent=2))


if __name__ == "__main__":
    main()
