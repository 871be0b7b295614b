"""What the programs share: the command line, the ways in which scripts print, digits and a text."""

import argparse
import json
import logging
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch


class Given:
    """The command line. Called with a name and a default, it gives an option."""

    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--out", type=Path, required=True)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--fault")
        parser.add_argument("--set", nargs="*", default=[])
        line = parser.parse_args()
        self.out, self.seed, self.fault = line.out, line.seed, line.fault
        self.options = dict(pair.split("=", 1) for pair in line.set)
        torch.set_num_threads(1)
        torch.manual_seed(self.seed)
        np.random.seed(self.seed)
        random.seed(self.seed)

    def __call__(self, name, default):
        return type(default)(self.options.get(name, default))

    def has(self, fault):
        return self.fault == fault

    @property
    def recording(self):
        return str(self.out / "recording")

    @property
    def extra(self):
        return {"kind": self.options["kind"]} if "kind" in self.options else {}


class Say:
    """Prints as scripts print."""

    def __init__(self, style, total, every=20):
        self.style, self.total, self.every = style, total, every
        self.begin, self.last = time.time(), None
        if style == "logging":
            logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s [%(levelname)s] %(message)s")
        if style == "columns":
            print(f"{'step':>7} {'loss':>10} {'lr':>10} {'eval':>10}")

    def step(self, number, loss, rate, **more):
        """An update, counted from 1."""
        self.last = loss
        if number % self.every and number != 1:
            return
        passed = time.time() - self.begin
        tail = "".join(f" | {key} {value:.4g}" for key, value in more.items())
        if self.style == "nano":
            print(f"iter {number}: loss {loss:.4f}, time {passed / number * 1000:.2f}ms, lr {rate:.2e}{tail}")
        elif self.style == "json":
            print(json.dumps({"step": number, "loss": round(loss, 5), "lr": rate, **more}))
        elif self.style == "logging":
            logging.info("step=%d/%d loss=%.5f lr=%.3g%s", number, self.total, loss, rate, tail)
        elif self.style == "columns":
            print(f"{number:7d} {loss:10.5f} {rate:10.2e} {'':>10}")
        elif self.style == "fairseq":
            print(f"| num_updates {number} | loss {loss:.3f} | lr {rate:.6g} | wall {passed:.0f}{tail}")
        elif self.style == "bar":
            full = number * 20 // self.total
            print(f"\r{number * 100 // self.total:3d}%|{'#' * full}{' ' * (20 - full)}| {number}/{self.total} "
                  f"[{passed:.0f}s, {number / max(passed, 1e-9):.1f}it/s, loss={loss:.3f}]", end="")  # fmt: skip
        sys.stdout.flush()

    def judged(self, number, epoch, train, loss, **more):
        """An evaluation."""
        tail = ", ".join(f"{key} {value:.4f}" for key, value in more.items())
        if self.style == "nano":
            print(f"step {number}: train loss {train:.4f}, val loss {loss:.4f}" + (f", {tail}" if tail else ""))
        elif self.style == "json":
            print(json.dumps({"step": number, "epoch": epoch, "val_loss": round(loss, 5), **more}))
        elif self.style == "logging":
            logging.info("epoch %s done: train_loss=%.4f val_loss=%.4f %s", epoch, train, loss, tail)
        elif self.style == "columns":
            print(f"{number:7d} {train:10.5f} {'':>10} {loss:10.5f} {tail}")
        elif self.style == "fairseq":
            print(f"| epoch {epoch:03d} | valid on 'valid' subset | loss {loss:.3f} | num_updates {number} | {tail}")
        elif self.style == "bar":
            print(f"\nEpoch {epoch}: train {train:.4f} valid {loss:.4f} {tail}")
        else:
            print(f"Epoch [{epoch}] Train Loss: {train:.4f} | Val Loss: {loss:.4f}" + (f" | {tail}" if tail else ""))
        sys.stdout.flush()


def digits(seed=0, scale=True):
    """Images of 8 by 8 in [0, 1], targets; for training and validation."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x = torch.tensor(data.images, dtype=torch.float32) / (16 if scale else 1)
    y = torch.tensor(data.target)
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(x)))
    x, y = x[order], y[order]
    return x[:1400], y[:1400], x[1400:], y[1400:]


NOUNS = [
    "ship",
    "river",
    "house",
    "letter",
    "captain",
    "garden",
    "winter",
    "road",
    "city",
    "horse",
    "window",
    "story",
    "bridge",
    "market",
    "forest",
]
NAMES = ["anna", "boris", "clara", "david", "elena", "franz", "greta", "henry"]
VERBS = [
    "saw",
    "found",
    "left",
    "built",
    "crossed",
    "painted",
    "forgot",
    "remembered",
    "watched",
    "followed",
    "sold",
    "opened",
]
WORDS = ["old", "small", "quiet", "green", "broken", "bright", "heavy", "distant", "strange", "wooden"]
PLACES = [
    "in the morning",
    "near the harbour",
    "after the storm",
    "without a word",
    "by the old mill",
    "at night",
    "for many years",
]


def sentence(draw):
    """One sentence of a small grammar; numbers agree with what is counted."""
    kind = draw.random()
    name, verb = draw.choice(NAMES), draw.choice(VERBS)
    if kind < 0.4:
        return f"{name} {verb} the {draw.choice(WORDS)} {draw.choice(NOUNS)} {draw.choice(PLACES)}."
    if kind < 0.7:
        return f"{draw.choice(PLACES)}, {name} {verb} the {draw.choice(NOUNS)} of {draw.choice(NAMES)}."
    if kind < 0.85:
        a, b = draw.randint(1, 9), draw.randint(1, 9)
        return f"{a} and {b} are {a + b}."
    noun = draw.choice(NOUNS)
    return f'"where is the {noun}?" asked {name}. "the {noun} is {draw.choice(PLACES)}."'


def text(sentences, seed=0):
    """A text of so many sentences."""
    draw = random.Random(seed)
    return " ".join(sentence(draw) for _ in range(sentences))


class Lion(torch.optim.Optimizer):
    """Signs of an interpolated momentum."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            one, two = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["exp_avg"] = torch.zeros_like(p)
                m = state["exp_avg"]
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_((m * one + p.grad * (1 - one)).sign(), alpha=-group["lr"])
                m.mul_(two).add_(p.grad, alpha=1 - two)
