"""What the programs share: the command line, the switch, the recording, data, and ways to print.

A program is called as `python PROGRAM.py --out DIR --seed N [--fault NAME] [--record] [--set KEY=VALUE ...]`. It prints
its log, or writes it into DIR. With `--record` the same training is recorded by newllm.record into DIR/recording.
"""

import argparse
import random
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch


class NoRecorder:
    """Takes what a recorder takes and does nothing."""

    def step(self, loss):
        """A step of the optimizer."""

    def validation(self, loss, **counts):
        """An evaluation."""


@dataclass
class Run:
    """What the command line asks for."""

    out: Path
    seed: int
    fault: str = ""
    record: bool = False
    options: dict = field(default_factory=dict)

    def has(self, *names):
        """Whether the switch is one of these."""
        return self.fault in names

    def get(self, key, default):
        """An option, of the type of its default."""
        value = self.options.get(key)
        return default if value is None else type(default)(value)

    def recorder(self, model, optimizer, folder="recording"):
        """The three lines of newllm.record, or nothing."""
        if not self.record:
            return nullcontext(NoRecorder())
        import newllm

        return newllm.record(model, optimizer, out=self.out / folder)


def start():
    """Reads the command line and seeds everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", default="")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--set", nargs="*", default=[])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    seed_all(given.seed)
    options = dict(pair.split("=", 1) for pair in given.set)
    return Run(given.out, given.seed, given.fault, given.record, options)


def seed_all(seed):
    """Seeds python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def english(characters=200_000, offset=0):
    """English text that comes with Python: the language reference, as pydoc shows it."""
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    return text[offset : offset + characters]


def digits():
    """Scikit-learn's 1797 images of digits, 8 by 8, in a fixed random order: training and test."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.RandomState(0).permutation(len(data.target))
    images = torch.tensor(data.images[order], dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(data.target[order], dtype=torch.long)
    return images[:1400], labels[:1400], images[1400:], labels[1400:]


def gradient_norm(parameters):
    """The Euclidean norm of a whole gradient."""
    squares = [p.grad.detach().float().square().sum() for p in parameters if p.grad is not None]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0
