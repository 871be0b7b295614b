"""What the programs share: options of a run, and logs in the styles in which people print."""

import json
import logging
import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

Values = dict[str, Any]


class Options:
    """Options of a run: which fault is switched on, the seed, how long, and whatever else its program asks for."""

    def __init__(self, path: Path, style: str, seed: int, fault: str = "", **values: Any) -> None:
        self.path, self.seed, self.fault, self.values = path, seed, fault, values
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.log = Log(path, style, values.get("rename", {}), values.get("steps"), values.get("per_epoch"))

    def get(self, name: str, default: Any) -> Any:
        return self.values.get(name, default)

    def if_fault(self, fault: str, bad: Any, good: Any) -> Any:
        return bad if self.fault == fault else good


class Log:
    """Writes rows in one of many styles; `step` and `epoch` are names like others."""

    def __init__(
        self, path: Path, style: str, rename: dict[str, str], total: int | None, per_epoch: int | None
    ) -> None:
        self.path, self.style, self.rename, self.total, self.per_epoch = path, style, rename, total, per_epoch
        self.rows: list[Values] = []
        self.start = time.time()
        self.file = path.open("w", encoding="utf-8")
        self.header: list[str] | None = None

    def line(self, text: str) -> None:
        """Write a line as it is."""
        self.file.write(text + "\n")

    def row(self, **values: Any) -> None:
        values = {
            k: float(v.detach()) if isinstance(v, torch.Tensor) else v for k, v in values.items() if v is not None
        }
        renamed = {self.rename.get(k, k): v for k, v in values.items()}
        if self.style in ("csv", "semicolon", "tsv"):
            self.rows.append(renamed)
            return
        self.line(STYLES[self.style](self, values, renamed))

    def close(self) -> None:
        if self.rows:
            names = list(dict.fromkeys(name for row in self.rows for name in row))
            comma = {"csv": ",", "semicolon": ";", "tsv": "\t"}[self.style]
            self.line(comma.join(names))
            for row in self.rows:
                self.line(comma.join(_plain(row[n]) if n in row else "" for n in names))
        self.file.close()


def _plain(value: Any) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def short(value: Any) -> str:
    """Format a number as an f-string of somebody would."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2e}" if math.isfinite(value) and 0 < abs(value) < 1e-3 else f"{value:.4f}"


def _items(values: Values, between: str, glue: str, leave: tuple[str, ...] = ("step", "epoch")) -> str:
    return between.join(f"{k}{glue}{short(v)}" for k, v in values.items() if k not in leave)


def _pipe(log: Log, _: Values, named: Values) -> str:
    return " | ".join(f"{k} {short(v)}" for k, v in named.items())


def _logging(log: Log, _: Values, named: Values) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S") + f",{int(time.time() * 1000) % 1000:03d}"
    return f"{stamp} INFO train.py:117 - " + ", ".join(f"{k}={short(v)}" for k, v in named.items())


def _json(log: Log, _: Values, named: Values) -> str:
    return json.dumps(named)


def _dict(log: Log, _: Values, named: Values) -> str:
    return repr({k: round(v, 6) if isinstance(v, float) and abs(v) > 1e-3 else v for k, v in named.items()})


def _keras(log: Log, values: Values, named: Values) -> str:
    epochs = log.total // log.per_epoch if log.total and log.per_epoch else log.total
    head = f"Epoch {values.get('epoch', values.get('step'))}/{epochs}\n"
    return head + f"{log.per_epoch or 1}/{log.per_epoch or 1} - {random.randint(1, 3)}s - " + _items(named, " - ", ": ")


def _table(log: Log, _: Values, named: Values) -> str:
    names = list(named)
    head = ""
    if log.header is None:
        log.header = names
        head = "".join(f"{n:>{max(14, len(n) + 2)}}" for n in names) + "\n"
    cells = [f"{short(named[n]) if n in named else '-':>{max(14, len(n) + 2)}}" for n in log.header]
    return head + "".join(cells)


def _box(log: Log, _: Values, named: Values) -> str:
    width = max(len(k) for k in named) + 4
    rule = "-" * (width + 18)
    return "\n".join([rule, *(f"| {k:<{width}}| {_three(v):<12} |" for k, v in named.items()), rule])


def _three(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _tqdm(log: Log, values: Values, named: Values) -> str:
    step, per = values["step"], log.per_epoch or log.total or 100
    within = step % per + 1
    part = within / per
    bar = ("█" * int(10 * part)).ljust(10)
    rate = (step + 1) / max(time.time() - log.start, 1e-3)
    tail = _items(named, ", ", "=", leave=("step", "epoch", log.rename.get("step", "step")))
    spent, left = within / rate, (per - within) / rate
    times = f"{int(spent) // 60:02d}:{int(spent) % 60:02d}<{int(left) // 60:02d}:{int(left) % 60:02d}"
    return f"Epoch {step // per}: {100 * part:3.0f}%|{bar}| {within}/{per} [{times}, {rate:5.2f}it/s, {tail}]"


def _megatron(log: Log, values: Values, named: Values) -> str:
    known = {"loss": "lm loss", "lr": "learning rate", "grad_norm": "grad norm", "scale": "loss scale"}
    rest = " | ".join(f"{known.get(k, k)}: {v:.6E}" for k, v in values.items() if k != "step")
    spent = 1000 * (time.time() - log.start) / max(values["step"], 1)
    head = f" iteration {values['step']:8d}/{log.total:8d} | consumed samples: {values['step'] * 16:12d} | "
    time_spent = f"elapsed time per iteration (ms): {spent:.1f} | "
    return head + time_spent + rest + " | number of skipped iterations:   0 | number of nan iterations:   0 |"


def _fairseq(log: Log, values: Values, named: Values) -> str:
    stamp, per = time.strftime("%Y-%m-%d %H:%M:%S"), log.per_epoch or 100
    kind = "valid" if any(k.startswith("val") for k in values) else "train_inner"
    step = values["step"]
    if kind == "valid":
        return f"{stamp} | INFO | valid | epoch {step // per + 1:03d} | valid on 'valid' subset | " + " | ".join(
            f"{k.removeprefix('val_')} {v:.3f}" for k, v in named.items() if k != "step"
        )
    tail = _items(named, ", ", "=")
    return f"{stamp} | INFO | {kind} | epoch {step // per + 1:03d}: {step % per:6d} / {per} {tail}, num_updates={step}"


def _detectron(log: Log, values: Values, named: Values) -> str:
    stamp = time.strftime("%m/%d %H:%M:%S")
    return f"[{stamp} d2.utils.events]:  eta: 0:00:{random.randint(10, 59)}  iter: {values['step']}  " + _items(
        named, "  ", ": "
    )


def _mmengine(log: Log, values: Values, named: Values) -> str:
    stamp, per = time.strftime("%m/%d %H:%M:%S"), log.per_epoch or 100
    step = values["step"]
    if any(k.startswith("val") for k in values):
        tail = _items(named, "  ", ": ")
        return f"{stamp} - mmengine - INFO - Epoch(val) [{step // per}][{per // 5}/{per // 5}]    {tail}"
    where = f"[{step // per + 1}][{step % per + 1:3d}/{per}]"
    return f"{stamp} - mmengine - INFO - Epoch(train)  {where}  " + _items(named, "  ", ": ")


def _imagenet(log: Log, values: Values, named: Values) -> str:
    per = log.per_epoch or 100
    step = values["step"]
    if any(k.startswith("val") for k in values):
        return " * " + " ".join(f"{k} {v:.3f}" for k, v in named.items() if k not in ("step", "epoch"))
    tail = "\t".join(f"{k} {v:.4e}" for k, v in named.items() if k not in ("step", "epoch"))
    return f"Epoch: [{step // per}][{step % per:4d}/{per}]\tTime  0.0{random.randint(10, 39)}\t{tail}"


def _mnist(log: Log, values: Values, named: Values) -> str:
    per = log.per_epoch or 100
    step = values["step"]
    if "loss" not in values:
        good = values.get("val_acc", 0.0)
        return (
            f"\nTest set: Average loss: {values['val_loss']:.4f}, Accuracy: {int(good * 512)}/512 ({100 * good:.0f}%)\n"
        )
    done = step % per
    part = 100 * done // per
    return f"Train Epoch: {step // per + 1} [{done * 32}/{per * 32} ({part}%)]\tLoss: {values['loss']:.6f}"


def _nano(log: Log, values: Values, named: Values) -> str:
    if "val_loss" in values:
        return f"step {values['step']}: train loss {values['loss']:.4f}, val loss {values['val_loss']:.4f}"
    more = "".join(f", {k} {short(v)}" for k, v in named.items() if k not in ("step", "loss"))
    return f"iter {values['step']}: loss {values['loss']:.4f}, time {random.uniform(8, 19):.2f}ms{more}"


def _boost(log: Log, values: Values, named: Values) -> str:
    return f"[{values['step']}]\t" + "\t".join(f"{k}:{v:.5f}" for k, v in named.items() if k not in ("step", "epoch"))


def _tune(log: Log, values: Values, named: Values) -> str:
    return f"Step {values['step']} | " + " ".join(f"{k}:{v}" for k, v in named.items() if k != "step") + " "


def _arrow(log: Log, values: Values, named: Values) -> str:
    return f"[epoch {values['epoch']:>3}] " + ", ".join(f"{k} -> {short(v)}" for k, v in named.items() if k != "epoch")


STYLES: dict[str, Callable[[Log, Values, Values], str]] = {
    "pipe": _pipe, "logging": _logging, "jsonl": _json, "dict": _dict, "keras": _keras, "table": _table, "box": _box,
    "tqdm": _tqdm, "megatron": _megatron, "fairseq": _fairseq, "detectron": _detectron, "mmengine": _mmengine,
    "imagenet": _imagenet, "mnist": _mnist, "nano": _nano, "boost": _boost, "tune": _tune, "arrow": _arrow,
}  # fmt: skip


def grad_norm(model: nn.Module) -> float:
    """Return the norm of the whole gradient."""
    norms = [p.grad.float().norm() for p in model.parameters() if p.grad is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0


def mean(values: list[float]) -> float:
    return sum(values) / max(len(values), 1)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def cosine(step: int, total: int, top: float, warm_up: int = 50, low: float = 0.1) -> float:
    """Return the rate of a warm-up and a half cosine."""
    if step < warm_up:
        return top * (step + 1) / warm_up
    part = min((step - warm_up) / max(total - warm_up, 1), 1.0)
    return top * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * part)))


def quiet() -> None:
    """Keep libraries from talking."""
    logging.disable(logging.WARNING)
