"""What the programs share: options, data, a printer, and a plain loop with a recorder around it."""

import argparse
import contextlib
import json
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

import newllm


class Run:
    """A run's options, its log and its recorder."""

    def __init__(self, **defaults):
        parser = argparse.ArgumentParser()
        parser.add_argument("--out", type=Path, required=True)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--fault")
        parser.add_argument("--set", nargs="*", default=[])
        given = parser.parse_args()
        defaults = {"style": "bar", "log": 10, "kind": "", **defaults}
        for pair in given.set:
            key, value = pair.split("=")
            assert key in defaults, key
            defaults[key] = type(defaults[key])(float(value)) if isinstance(defaults[key], int | float) else value
        self.o, self.out, self.fault, self.seed = SimpleNamespace(**defaults), given.out, given.fault, given.seed
        torch.set_num_threads(1)
        self.reseed()
        self.columns = None

    def reseed(self, more=0):
        """Every source of chance."""
        random.seed(self.seed + more)
        np.random.seed((self.seed + more) % 2**32)
        torch.manual_seed(self.seed + more)

    def has(self, kind):
        """Whether the run has this fault."""
        return self.fault == kind

    def record(self, model, optimizer, **more):
        """A recorder with the arguments that a user would take."""
        if self.o.kind:
            more["kind"] = self.o.kind
        return newllm.record(model, optimizer, out=str(self.out / "recording"), **more)

    def say(self, step, **values):
        """One line in the run's style."""
        if self.o.style == "csv":
            names = ["train_loss", "lr", "grad_norm", "val_loss", "val_acc"]
            with (self.out / "log.csv").open("a") as file:
                if not self.columns:
                    print("step", *names, sep=",", file=file)
                    self.columns = names
                print(step, *(f"{values[n]:.5g}" if n in values else "" for n in names), sep=",", file=file)
        elif self.o.style == "jsonl":
            with (self.out / "log.jsonl").open("a") as file:
                print(
                    json.dumps({"step": step, **{k: round(v, 5) if abs(v) > 0.01 else v for k, v in values.items()}}),
                    file=file,
                )
        elif self.o.style == "colon":
            print(f"[{step:>5}] " + "  ".join(f"{k}: {v:.4g}" for k, v in values.items()), flush=True)
        else:
            print(
                f"step {step} | "
                + " | ".join(f"{k} {v:.4f}" if abs(v) > 0.01 else f"{k} {v:.2e}" for k, v in values.items()),
                flush=True,
            )


def norm_of(parameters):
    """Euclidean norm of the gradients that are there."""
    found = [p.grad.coalesce().values() if p.grad.is_sparse else p.grad for p in parameters if p.grad is not None]
    return float(torch.sqrt(sum((g.detach().double() ** 2).sum() for g in found))) if found else 0.0


def fit(
    run,
    model,
    optimizer,
    batch,
    loss,
    *,
    evaluate=None,
    steps=200,
    evals=20,
    clip=0.0,
    rate=None,
    accumulate=1,
    half=False,
    clear=None,
    before=None,
    after=None,
    update=None,
    vocabulary=None,
    notes=(),
):
    """A plain loop. `before` runs between backward and the optimizer's step, `after` behind the step."""
    more = {"vocabulary": vocabulary} if vocabulary else {}
    bases = [group["lr"] for group in optimizer.param_groups]
    with run.record(model, optimizer, **more) as recorder:

        def check(step):
            if not evaluate:
                return
            model.eval()
            with torch.no_grad():
                got = evaluate()
            model.train()
            correct = {k: got[k] for k in ("correct", "count") if k in got}
            recorder.validation(got["loss"], **correct)
            others = {k: v for k, v in got.items() if k not in ("loss", "correct", "count")}
            if others:
                recorder.metrics(others)
            accuracy = {"val_acc": got["correct"] / got["count"]} if correct else {}
            run.say(step, val_loss=float(got["loss"]), **accuracy, **others)

        for step, text in notes:
            recorder.note(step, text)
        check(0)
        kept = []
        for step in range(steps):
            if rate:
                for group, base in zip(optimizer.param_groups, bases, strict=True):
                    group["lr"] = base * rate(step)
            if clear is None or clear(step):
                optimizer.zero_grad()
            total = 0.0
            for _ in range(accumulate):
                with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
                    value = loss(batch(step), step)
                if update is None:
                    (value / accumulate).backward()
                total = total + value.detach() / accumulate
            if before:
                before(step)
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            norm = norm_of(parameters)
            if clip:
                torch.nn.utils.clip_grad_norm_(parameters, clip)
            if update:
                total = update(value, step)
            else:
                optimizer.step()
            if after:
                after(step)
            recorder.step(total)
            kept.append(float(total))
            if (step + 1) % run.o.log == 0:
                run.say(step + 1, train_loss=sum(kept) / len(kept), lr=optimizer.param_groups[0]["lr"], grad_norm=norm)
                kept.clear()
            if (step + 1) % evals == 0:
                check(step + 1)
    return model


class Batches:
    """Shuffled batches of some tensors, epoch after epoch."""

    def __init__(self, *tensors, size=32, seed=0, shuffle=True):
        self.tensors, self.size, self.shuffle = tensors, size, shuffle
        self.generator = torch.Generator().manual_seed(seed)
        self.order = []

    def __call__(self, step=0):
        """The next batch."""
        if len(self.order) < self.size:
            count = len(self.tensors[0])
            self.order = (
                torch.randperm(count, generator=self.generator).tolist() if self.shuffle else list(range(count))
            )
        taken, self.order = self.order[: self.size], self.order[self.size :]
        return [t[taken] for t in self.tensors]


def digits(seed=7):
    """8x8 digits from 0 to 1, flat: training and validation."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.RandomState(seed).permutation(len(data.data))
    x = torch.tensor(data.data[order] / 16, dtype=torch.float32)
    y = torch.tensor(data.target[order])
    return x[:1400], y[:1400], x[1400:], y[1400:]


NOUNS = [
    "cat",
    "dog",
    "bird",
    "king",
    "tree",
    "river",
    "stone",
    "child",
    "baker",
    "ship",
    "cloud",
    "horse",
    "garden",
    "window",
    "letter",
]
VERBS = ["sees", "finds", "carries", "follows", "paints", "likes", "hears", "moves"]
KINDS = ["small", "red", "old", "quiet", "bright", "heavy", "kind", "tall"]


def sentence(chance):
    """A sentence of a small grammar."""

    def thing():
        return (
            f"{chance.choice(['the', 'a'])} {chance.choice(KINDS)} " if chance.random() < 0.5 else "the "
        ) + chance.choice(NOUNS)

    return f"{thing()} {chance.choice(VERBS)} {thing()}" + (f" near {thing()}" if chance.random() < 0.3 else "")


LETTERS = " abcdefghijklmnopqrstuvwxyz.\n"


def text(count=3000, seed=3):
    """Sentences as ids of letters, in one row."""
    chance = random.Random(seed)
    whole = ".\n".join(sentence(chance) for _ in range(count))
    return torch.tensor([LETTERS.index(c) for c in whole])


def classify(model, x, y):
    """Loss, correct, count of a classifier."""
    out = model(x)
    loss = torch.nn.functional.cross_entropy(out, y)
    return {"loss": float(loss), "correct": int((out.argmax(-1) == y).sum()), "count": len(y)}
