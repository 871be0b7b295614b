"""The training: fresh rows in every step, no curriculum, the loss over asked answers alone.

Shapes: B rows, T positions, V vocabulary, N asked positions in all rows.
"""

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from newllm.chance import numpy_stream
from newllm.errors import UserError, unknown_name
from newllm.kernels import cross_entropy_sum
from newllm.model.language_model import LanguageModel
from newllm.recall.ngrams import NGrams
from newllm.recall.reading import asked_logits
from newllm.recall.tasks import IGNORED, Rows, Size, Task
from newllm.training.config import OptimizerConfig
from newllm.training.optimizer import build_optimizer
from newllm.training.precision import autocast

POINTS = 50  # of a curve
_PRECISIONS = ("fp32", "bf16")
_WARM = 0.05  # share of the training in which the learning rate rises


@dataclass(frozen=True)
class Plan:
    """How a model is trained.

    Attributes:
        steps: updates; None for as many as the seconds allow.
        seconds: of training; None for as long as the steps take. With both, what is over first ends it.
        batch_tokens: tokens of a step; a batch has as many rows of its size as make up these.
        rate: highest learning rate, after a linear warm-up and before a cosine down to 0.
        weight_decay: of matrices, 0 for none.
        clip: largest norm of the gradient.
        precision: "fp32", or "bf16" for the products of the training; what is asked afterwards is read in fp32.
    """

    steps: int | None = None
    seconds: float | None = None
    batch_tokens: int = 4096
    rate: float = 2e-3
    weight_decay: float = 0.1
    clip: float = 1.0
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if self.steps is None and self.seconds is None:
            raise UserError("a training has neither steps nor seconds: give one of them")
        for name in ("steps", "seconds", "batch_tokens", "rate", "clip"):
            given = getattr(self, name)
            if given is not None and not 0 < given < math.inf:
                raise UserError(f"{name} is {given}: it must be above 0, and finite")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay is {self.weight_decay}: it must be at least 0, and finite")
        if self.precision not in _PRECISIONS:
            raise unknown_name("precision", self.precision, _PRECISIONS)

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the training that is over, 1 at its end."""
        by_steps = step / self.steps if self.steps is not None else 0.0
        return max(by_steps, seconds / self.seconds if self.seconds is not None else 0.0)


@dataclass(frozen=True)
class Point:
    """Of a curve: the updates and seconds so far, and the mean loss (nats an answer) and accuracy since the last one.

    Each row is seen once, so that both are of rows that the model has not been trained on.
    """

    step: int
    seconds: float
    loss: float
    accuracy: float


@dataclass
class _Sums:
    """What is summed up for the next point."""

    nats: float = 0.0
    right: int = 0
    answers: int = 0

    def point(self, step: int, seconds: float) -> Point:
        means = round(self.nats / self.answers, 4), round(self.right / self.answers, 4)
        return Point(step, round(seconds, 2), *means)


@dataclass
class Trained:
    """What a training did."""

    steps: int = 0
    seconds: float = 0.0
    curve: list[Point] = field(default_factory=list)


def train(model: LanguageModel | NGrams, task: Task, seed: int, plan: Plan) -> Trained:
    """Train a model; counts are taken of the same rows, without a curve. Kernels are compiled before the clock starts.

    Args:
        model: is changed.
        task: says the sizes, of which each step takes one by chance.
        seed: of the rows.
        plan: how, and how long.
    """
    if isinstance(model, NGrams):
        return _count(model, task, seed, plan)
    model.train()
    optimizer = build_optimizer(model, OptimizerConfig(learning_rate=plan.rate, weight_decay=plan.weight_decay))
    for size in task.trained:
        _loss(model, _batch(task, seed, -1, size, plan), plan.precision)[0].backward()
    done, sums, start = Trained(), _Sums(), time.perf_counter()
    while (progress := plan.progress(done.steps, done.seconds)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * rate_share(progress)
        _update(model, optimizer, _batch(task, seed, done.steps, None, plan), plan, sums)
        done.steps, done.seconds = done.steps + 1, time.perf_counter() - start
        if plan.progress(done.steps, done.seconds) >= min(1.0, (len(done.curve) + 1) / POINTS):
            done.curve.append(sums.point(done.steps, done.seconds))
            sums = _Sums()
    optimizer.zero_grad(set_to_none=True)
    return done


def _count(model: NGrams, task: Task, seed: int, plan: Plan) -> Trained:
    done, start = Trained(), time.perf_counter()
    while plan.progress(done.steps, done.seconds) < 1:
        tokens_BT, targets_BT = _batch(task, seed, done.steps, None, plan)
        model.count(tokens_BT, targets_BT, targets_BT != IGNORED)
        done.steps, done.seconds = done.steps + 1, time.perf_counter() - start
    return done


def rate_share(progress: float) -> float:
    """Return the learning rate as a share of the highest: a linear rise, then a cosine.

    Args:
        progress: share of the training that is over, 0 to 1.
    """
    if progress < _WARM:
        return max(progress / _WARM, 0.01)  # the first update is one too
    return 0.5 * (1 + math.cos(math.pi * (progress - _WARM) / (1 - _WARM)))


def _batch(task: Task, seed: int, step: int, size: Size | None, plan: Plan) -> Rows:
    """Draw the rows of a step; without a size, of one that chance takes."""
    chance = numpy_stream(seed, "recall-trained", task.name, step)
    size = task.trained[int(chance.integers(len(task.trained)))] if size is None else size
    return task.draw(chance, max(1, plan.batch_tokens // size.length), size)


def _update(model: LanguageModel, optimizer: torch.optim.Optimizer, rows: Rows, plan: Plan, sums: _Sums) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss, right, answers = _loss(model, rows, plan.precision)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
    optimizer.step()
    sums.nats, sums.right, sums.answers = sums.nats + loss.item() * answers, sums.right + right, sums.answers + answers


def _loss(model: LanguageModel, rows: Rows, precision: str) -> tuple[Tensor, int, int]:
    """Return the mean loss in nats an answer, how many answers are right, and how many there are."""
    tokens_BT, targets_BT = rows
    asked_BT = targets_BT != IGNORED
    answers_N = targets_BT[asked_BT]
    with autocast(model.device, precision):
        logits_NV, _ = asked_logits(model, tokens_BT, asked_BT)
    found_NV = logits_NV.detach()  # the largest logit, as torch's argmax takes longer than the head does
    right = int((found_NV.gather(1, answers_N[:, None])[:, 0] == found_NV.amax(dim=1)).sum())
    return cross_entropy_sum(logits_NV, answers_N, IGNORED) / len(answers_N), right, len(answers_N)
