"""A plain PyTorch loop as people write it, with a schedule, clipping, accumulation, resumes and evaluations."""

import contextlib
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from benchmarks.strangers.cases import schedules
from benchmarks.strangers.cases.data import Batch
from benchmarks.strangers.cases.hooks import At, Hook, Hooks
from benchmarks.strangers.cases.registry import Out
from benchmarks.strangers.cases.styles import STYLES, Style
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

import newllm


@dataclass
class Task:
    """What is trained.

    Attributes:
        model: fresh.
        batch: of a step.
        loss: of a model on a batch; may put further numbers for the log into `extra`.
        evaluate: values by name, on validation data.
        epoch: steps of one.
        size: samples or tokens of a batch.
        extra: further numbers of the last loss.
        after: called after every update.
    """

    model: nn.Module
    batch: Callable[[int], Batch]
    loss: Callable[[nn.Module, Batch], Tensor]
    evaluate: Callable[[nn.Module], dict[str, float]]
    epoch: int = 50
    size: int = 32
    extra: dict[str, float] = field(default_factory=dict)
    after: Callable[[int], None] = lambda step: None


@dataclass(frozen=True)
class Plan:
    """How it is trained. The last group is faulty where it is not as it stands here.

    Attributes:
        calls: how often the scheduler is stepped after an update; 0 means once an epoch.
        resume: at this step the process ends and another one goes on from the checkpoint that is `lost` steps older.
        restored: what the second process restores: all, no moments, or no count of the schedule.
        recreate: steps after which the optimizer is made anew.
        ema: decay of averaged weights, which are evaluated; `ema_moves` is whether they are ever updated.
        divide: whether the loss is divided by the number of accumulated batches.
        switches_to_eval: whether model.eval() is called for an evaluation.
    """

    steps: int = 400
    rate: float = 3e-3
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    weight_decay: float = 0.01
    momentum: float = 0.9
    schedule: schedules.Schedule = schedules.constant
    clip: float | None = 1.0
    accumulate: int = 1
    log_every: int = 5
    eval_every: int = 50
    ema: float | None = None
    resume: int | None = None
    lost: int = 0
    stop: int | None = None

    calls: int = 1
    restored: Literal["all", "no moments", "no schedule"] = "all"
    recreate: int | None = None
    ema_moves: bool = True
    divide: bool = True
    switches_to_eval: bool = True


class Loop:
    """One training."""

    def __init__(self, out: Out, task: Task, plan: Plan, hooks: tuple[Hook, ...] = (), style: str = "nanogpt"):
        self.out, self.task, self.plan, self.hooks = out, task, plan, Hooks(hooks)
        self.style: Style = STYLES[style]()
        self.chosen = self.hooks.chosen(task.model)
        self.optimizer = self._optimizer()
        self.schedule = self._schedule()
        self.averaged = copy.deepcopy(task.model) if plan.ema else None
        self.losses: list[float] = []
        self.norm = 0.0
        self.steps = out.steps(plan.steps)

    def run(self) -> None:
        """Train to the end, or to where it stops."""
        self.style.open(self.out.folder)
        with contextlib.ExitStack() as stack:
            recorder = None
            if self.out.recorded:
                folder = self.out.folder / "recording"
                recorder = stack.enter_context(newllm.record(self.task.model, self.optimizer, out=folder))
            end = self.plan.resume if self.plan.resume and self.plan.resume < self.steps else self.steps
            self._part(0, end, recorder)
            if end < self.steps:
                self._part(self._resumed(end), self.steps, recorder)
        self.style.close()

    def _part(self, first: int, end: int, recorder: Any) -> None:
        plan = self.plan
        for step in range(first, end):
            if plan.resume and step == plan.resume - plan.lost and step > first:
                self._save()
            began = time.perf_counter()
            loss = self._update(step)
            self.losses.append(loss)
            if recorder is not None:
                recorder.step(loss)
            if step % plan.log_every == 0:
                self.style.train(self._values(step, loss, time.perf_counter() - began))
            if (step + 1) % plan.eval_every == 0 or step + 1 == self.steps:
                self._evaluate(step, recorder)
            if plan.stop is not None and step + 1 == plan.stop:
                break

    def _update(self, step: int) -> float:
        plan, model = self.plan, self.task.model
        if plan.recreate and step and step % plan.recreate == 0:
            self.optimizer = self._optimizer()
            self.schedule = self._schedule(step)
        at = At(step, model, self.optimizer)
        self.hooks.call("begin", at)
        model.train()
        self.hooks.clear(model)
        total = 0.0
        for part in range(plan.accumulate):
            batch = self.hooks.batch(step, self.task.batch(step * plan.accumulate + part))
            loss = self.task.loss(model, batch)
            total += loss.item() / plan.accumulate
            self.hooks.loss(step, loss / plan.accumulate if plan.divide else loss).backward()
        self.hooks.call("gradients", at)
        self.norm = float(clip_grad_norm_(model.parameters(), plan.clip or 1e30))
        self.optimizer.step()
        self.task.after(step)
        self._follow(step)
        self.hooks.call("end", at)
        return total

    def _follow(self, step: int) -> None:
        self.rate = self.optimizer.param_groups[0]["lr"]
        calls = self.plan.calls or int((step + 1) % self.task.epoch == 0)
        for _ in range(calls):
            self.schedule.step()
        if self.averaged is not None and self.plan.ema_moves:
            with torch.no_grad():
                for mean, new in zip(self.averaged.state_dict().values(), self.task.model.state_dict().values(),
                                     strict=True):  # fmt: skip
                    if mean.is_floating_point():
                        mean.lerp_(new, 1 - self.plan.ema)  # pyrefly: ignore
                    else:
                        mean.copy_(new)

    def _evaluate(self, step: int, recorder: Any) -> None:
        model = self.task.model if self.averaged is None else self.averaged
        model.train(not self.plan.switches_to_eval)
        with torch.no_grad():
            found = self.task.evaluate(model)
        if recorder is not None and "val_loss" in found:
            recorder.validation(found["val_loss"])
        recent = self.losses[-self.plan.eval_every :]
        self.style.evaluation(self._values(step, sum(recent) / len(recent), 0.1), found)

    def _values(self, step: int, loss: float, seconds: float) -> dict[str, Any]:
        epoch = self.task.epoch
        return {"step": step, "epoch": step // epoch, "epochs": -(-self.steps // epoch), "batch": step % epoch,
                "batches": epoch, "size": self.task.size, "loss": loss, "train": loss, "lr": self.rate,
                "norm": self.norm, "seconds": seconds, "rate": self.task.size / seconds,
                "extra": dict(self.task.extra)}  # fmt: skip

    def _optimizer(self) -> torch.optim.Optimizer:
        plan = self.plan
        common = {"lr": plan.rate, "weight_decay": plan.weight_decay, "foreach": True}
        if plan.optimizer == "sgd":
            return torch.optim.SGD(self.chosen, momentum=plan.momentum, **common)
        make = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}[plan.optimizer]
        return make(self.chosen, **common)

    def _schedule(self, last: int = 0) -> torch.optim.lr_scheduler.LambdaLR:
        schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.plan.schedule)
        for _ in range(last):
            schedule.step()
        return schedule

    def _save(self) -> None:
        self.saved = copy.deepcopy((self.task.model.state_dict(), self.optimizer.state_dict(),
                                    self.schedule.state_dict()))  # fmt: skip

    def _resumed(self, end: int) -> int:
        """Go on in a new process: a new optimizer and schedule, then what is restored from the checkpoint."""
        if not self.plan.lost:
            self._save()
        model, moments, count = self.saved
        self.task.model.load_state_dict(model)
        self.optimizer = self._optimizer()
        self.schedule = self._schedule()
        if self.plan.restored != "no moments":
            self.optimizer.load_state_dict(moments)
        if self.plan.restored != "no schedule":
            self.schedule.load_state_dict(count)
        for group, rate in zip(self.optimizer.param_groups, self.schedule.get_last_lr(), strict=True):
            group["lr"] = rate
        return end - self.plan.lost
