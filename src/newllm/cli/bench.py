"""Train small models on small tasks with known answers, and ask them: what does a context of fixed size recall?

Each model is trained on rows of the task, each update on one of several sizes, then asked about rows of these sizes
and of longer ones. All have one width and number of layers. Seeds are of weights and training rows; the rows that are
asked about are the same for all. --out is written after each model and seed, and the same command goes on with what it
lacks. A size is ITEMSxLENGTH: pairs or symbols, and tokens; 1xLENGTH where there is one thing to keep.

  newllm bench recall --quick
  newllm bench recall --task mqar --models stack,delta,decay --steps 20000 --seeds 3 --out mqar.json
  newllm bench recall --task mqar --models delta --seconds 600 --evaluate 64x256 64x65536 --out long.json

tasks:
  mqar       pairs of key and value, then each key again: which value was its own?
  copying    a string, blanks, then the string again
  induction  the special token came once, and again at the end: what had followed it?
  parity     is the number of ones so far odd?
  s5         which permutation of five elements are all so far together?
  needle     one pair early in a long text, its key at the end: which value?

models:
  stack      a vector (rule gated)
  delta      matrices of the gated delta rule
  signed     matrices that may turn round what they hold (rule signed-delta)
  decay      matrices that only decay and are added to, as Mamba-2's
  hybrid     vectors and matrices in turn
  attention  keeps all it has read
  lstm
  zero       sees the present token alone
  ngram      counts what was answered after the last three tokens; nothing is trained
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newllm.cli.parser import language_of
from newllm.errors import UserError, unknown_name
from newllm.files import to_json

if TYPE_CHECKING:
    from newllm.recall import Question, Task

_BENCHMARKS = ("recall",)
_TASKS = "mqar, copying, induction, parity, s5, needle"
_MODELS = "stack,delta,signed,decay,hybrid,attention,lstm,zero,ngram"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("benchmark", metavar="BENCHMARK", help="recall, which is the only one")
    parser.add_argument("--task", default="mqar", metavar="NAME", help=f"{_TASKS} (default mqar)")
    parser.add_argument("--models", default=_MODELS, metavar="NAMES", help=f"with commas (default {_MODELS})")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many, from 0 (default 1)")
    parser.add_argument("--steps", type=int, metavar="N", help="updates (default 2000 where no seconds are given)")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each training")
    parser.add_argument("--width", type=int, default=64, metavar="N", help="of every model (default 64)")
    parser.add_argument("--layers", type=int, default=2, metavar="N", help="of every model (default 2)")
    parser.add_argument("--rate", type=float, default=2e-3, metavar="F", help="highest learning rate (default 2e-3)")
    parser.add_argument("--weight-decay", type=float, default=0.1, metavar="F", help="of matrices (default 0.1)")
    parser.add_argument("--batch-tokens", type=int, default=4096, metavar="N", help="of an update (default 4096)")
    parser.add_argument("--vocabulary", type=int, metavar="N", help="of mqar (default 8192)")
    parser.add_argument("--zero-fillers", action="store_true", help="of mqar: one token in place of random ones")
    sizes: dict[str, Any] = {"nargs": "+", "default": [], "metavar": "SIZE"}
    parser.add_argument("--train", **sizes, help="ITEMSxLENGTH, in place of the task's own sizes")
    parser.add_argument("--evaluate", **sizes, help="the same, of what is asked")
    parser.add_argument(
        "--asked-tokens", type=int, default=1 << 17, metavar="N", help="read for a size, 16 rows at least (131072)"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every model")
    parser.add_argument("--tied", action="store_true", help="the head is the embedding's matrix, without a bias")
    parser.add_argument("--precision", default="fp32", metavar="P", help="of the training: fp32 (default) or bf16")
    parser.add_argument("--threads", type=int, metavar="N", help="torch's own choice by default")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the result, as JSON")
    parser.add_argument("--quick", action="store_true", help="20 small updates: that it runs, not what it says")


def run(arguments: argparse.Namespace) -> int:
    """Train and ask, and print what was right."""
    if arguments.benchmark not in _BENCHMARKS:
        raise unknown_name("benchmark", arguments.benchmark, _BENCHMARKS)
    words = language_of(arguments)
    import torch

    from newllm.recall import answer_all

    if arguments.threads is not None and arguments.threads < 1:
        raise UserError(f"--threads {arguments.threads}: give at least 1")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)

    def told(one: dict[str, Any]) -> None:
        scores = ", ".join(f"{size} {found['accuracy']:.3f}" for size, found in one["evaluations"].items())
        line = words("bench-run", **{name: one[name] for name in ("model", "seed", "steps", "seconds")}, scores=scores)
        if not (arguments.json and arguments.quiet):
            print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    models, command = arguments.models.split(","), " ".join(["newllm", *sys.argv[1:]])
    question = _question(arguments)
    result = answer_all(question, models, arguments.seeds, arguments.out, command=command, told=told)
    if arguments.json:
        print(to_json({"schema": 1, **result}))
    elif not arguments.quiet:
        floors = ", ".join(f"{size} {share:.3f}" for size, share in result["floors"].items())
        print(words("bench-guessing", scores=floors))
    return 0


def _question(arguments: argparse.Namespace) -> "Question":
    """Return what the options ask."""
    from newllm.recall import Plan, Question, Shape

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


def _task(arguments: argparse.Namespace) -> "Task":
    """Return the task in the sizes that the options name; each is drawn once: refused now, not after a training."""
    import numpy as np

    from newllm.recall import TASKS, mqar_task, parse_size

    if arguments.task not in TASKS:
        raise unknown_name("task", arguments.task, TASKS)
    task = TASKS[arguments.task]
    if arguments.task == "mqar":
        vocabulary = task.vocabulary if arguments.vocabulary is None else arguments.vocabulary
        task = mqar_task(vocabulary, random_fillers=not arguments.zero_fillers)
    elif arguments.vocabulary is not None or arguments.zero_fillers:
        raise UserError(f"--vocabulary and --zero-fillers are of mqar, and the task is '{arguments.task}': drop them")
    if arguments.quick:
        task = dataclasses.replace(task, trained=task.trained[:2], evaluated=task.evaluated[:2])
    trained, evaluated = (tuple(map(parse_size, sizes)) for sizes in (arguments.train, arguments.evaluate))
    task = dataclasses.replace(task, trained=trained or task.trained, evaluated=evaluated or task.evaluated)
    for size in (*task.trained, *task.evaluated):
        task.draw(np.random.default_rng(0), 1, size)
    return task
