"""What the programs share: their command line, four ways to print, and data."""

import argparse
import json
import logging
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch


def start(**defaults):
    """Options of a run: `--out DIR --seed N [--fault NAME] --set KEY=VALUE ...`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", default="")
    parser.add_argument("--set", nargs="*", default=[])
    given = parser.parse_args()
    options = {"style": "plain", **defaults}
    for pair in given.set:
        key, value = pair.split("=")
        options[key] = type(defaults[key])(value) if key in defaults else value
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    np.random.seed(given.seed)
    random.seed(given.seed)
    return SimpleNamespace(out=given.out, seed=given.seed, fault=given.fault, **options)


class Printer:
    """Prints as trainings print: `plain`, `bars`, `logging` or `json`."""

    def __init__(self, style):
        self.style = style
        if style == "logging":
            logging.basicConfig(
                stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s train: %(message)s"
            )

    def __call__(self, **values):
        """A line."""
        short = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in values.items()}
        if self.style == "json":
            print(json.dumps({k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in values.items()}))
        elif self.style == "bars":
            print(" | ".join(f"{k} {v}" for k, v in short.items()))
        elif self.style == "logging":
            logging.getLogger("train").info(", ".join(f"{k}={v}" for k, v in short.items()))
        else:
            print("  ".join(f"{k}: {v}" for k, v in short.items()))
        sys.stdout.flush()


def digits(seed, share=0.75):
    """Sklearn's digits as numbers from 0 to 16, in two parts."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(seed))
    x, y = torch.tensor(data.data, dtype=torch.float32)[order], torch.tensor(data.target)[order]
    cut = int(share * len(y))
    return x[:cut], y[:cut], x[cut:], y[cut:]


class Language:
    """Synthetic text: each token follows from the two before it, with some chance; texts as long as you like."""

    def __init__(self, seed, vocabulary=32, choices=3):
        self.make = np.random.default_rng(seed)
        self.vocabulary = vocabulary
        self.next = self.make.integers(0, vocabulary, (vocabulary, 4, choices))
        self.shares = np.array([0.75, 0.18, 0.07])[:choices]
        self.shares /= self.shares.sum()

    def text(self, count, length):
        """`count` texts of `length` tokens."""
        out = np.zeros((count, length), dtype=np.int64)
        out[:, :2] = self.make.integers(0, self.vocabulary, (count, 2))
        for i in range(2, length):
            which = self.make.choice(len(self.shares), size=count, p=self.shares)
            out[:, i] = self.next[out[:, i - 1], out[:, i - 2] % 4, which]
        return torch.tensor(out)


def batches(count, size, generator=None):
    """Indices of an epoch's batches, the last one short."""
    return torch.randperm(count, generator=generator).split(size)
