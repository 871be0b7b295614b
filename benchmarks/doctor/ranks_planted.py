"""Does the doctor name the one rank of several that is unlike the others, and say nothing where all are sound?

    python benchmarks/doctor/ranks_planted.py [--quick] [--out FILE]

Trainings of a small model of bytes (a GRU) on 2, 3 and 4 ranks, which one process computes in turn: each its own rows,
its own loss and gradient; the gradients are added up by targets, as `newllm train` does. The texts are this project's
own: English (docs/*.md), Japanese (docs/*.ja.md) and code (src/**/*.py), so that numbers move a little as those do.
Ranks read the same text or one each, as many rows or one a quarter as many. In `FAULTS` is what is planted in one rank.
What is counted are the doctor's findings of ranks: right is to name this rank alone, and none of a sound training.
"""

import argparse
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.ranks.fingerprints import Ranks
from newllm.diagnosis.ranks.signals import RankSignals, series_of
from newllm.trace import Series, Trace

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give

ROOT = Path(__file__).parents[2]
WIDTH, WINDOW, ROWS, LARGEST = 48, 32, 8, 1.0
RANKS = (2, 3, 4)
TEXTS = (("en",), ("ja",), ("code",), ("en", "ja"), ("en", "code"), ("ja", "code", "en"))  # of the ranks in turn
STEPS = (160, 240)
RATES = (1e-2, 3e-3)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one rank.

    Attributes:
        name: of it.
        targets: what its targets [N, T] become, by chance, so many steps after the moment of the fault (before: < 0).
        factor: what its gradient is multiplied by, likewise.
        loss: what its loss is multiplied by.
        again: whether it reads one batch all the time.
    """

    name: str
    targets: Callable[[np.ndarray, np.random.Generator, int], np.ndarray] = lambda targets, *_: targets
    factor: Callable[[int], float] = lambda _: 1.0
    loss: Callable[[int], float] = lambda _: 1.0
    again: bool = False


def shuffled(targets: np.ndarray, chance: np.random.Generator, share: float) -> np.ndarray:
    """Return targets of which a share of the places have changed with one another."""
    places = chance.permutation(targets.size)[: int(share * targets.size)]
    changed = targets.ravel().copy()
    changed[places] = changed[chance.permutation(places)]
    return changed.reshape(targets.shape)


FAULTS = (
    Fault("targets shuffled", targets=lambda targets, chance, _: shuffled(targets, chance, 1.0)),
    Fault("half of the targets shuffled", targets=lambda targets, chance, _: shuffled(targets, chance, 0.5)),
    Fault("one batch again and again", again=True),
    Fault("no gradient", factor=lambda _: 0.0),
    Fault("gradient times 100", factor=lambda _: 100.0),
    Fault("gradient times 20", factor=lambda _: 20.0),
    Fault("gradient times 5", factor=lambda _: 5.0),
    Fault("gradient times 10,000 once, clipped", factor=lambda since: 1e4 if since == 0 else 1.0),
    Fault("loss no number once", loss=lambda since: math.nan if since == 0 else 1.0),
    Fault(
        "targets of noise for three steps",
        targets=lambda targets, chance, since: chance.integers(0, 256, targets.shape) if 0 <= since < 3 else targets,
    ),
)
SOUND = Fault("sound")


@dataclass(frozen=True)
class Training:
    """One training: its seed, how many ranks, their texts in turn, and whether the last has a quarter of the rows."""

    seed: int
    ranks: int
    texts: Sequence[str]
    uneven: bool
    steps: int
    rate: float
    fault: Fault = SOUND

    @property
    def rank(self) -> int:
        """Return the rank with the fault."""
        return self.seed % self.ranks


class Bytes(nn.Module):
    """A GRU that predicts the next byte."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, WIDTH)
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, 256)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits [N, T, 256] of bytes [N, T]."""
        return self.head(self.gru(self.embedding(inputs))[0])


def texts() -> dict[str, np.ndarray]:
    """Return this project's texts as bytes."""
    english = [path for path in sorted(ROOT.glob("docs/*.md")) if not path.name.endswith(".ja.md")]
    files = {"en": english, "ja": sorted(ROOT.glob("docs/*.ja.md")), "code": sorted(ROOT.glob("src/**/*.py"))}
    return {name: np.frombuffer(b"".join(one.read_bytes() for one in paths), np.uint8) for name, paths in files.items()}


def trained(training: Training, corpora: dict[str, np.ndarray]) -> RankSignals:
    """Train, and return what each rank's own numbers were; an update that is no number is left out."""
    torch.manual_seed(training.seed)
    model = Bytes()
    optimizer = torch.optim.AdamW(model.parameters(), training.rate)
    chances = [np.random.default_rng([training.seed, rank]) for rank in range(training.ranks)]
    at = int(np.random.default_rng(training.seed).integers(training.steps // 3, 3 * training.steps // 4))
    losses: list[dict[int, float]] = [{} for _ in chances]
    norms: list[dict[int, float]] = [{} for _ in chances]
    for step in range(1, training.steps + 1):
        each = []
        for rank, chance in enumerate(chances):
            fault = training.fault if rank == training.rank else SOUND
            text = corpora[training.texts[rank % len(training.texts)]]
            rows = ROWS // 4 if training.uneven and rank == training.ranks - 1 else ROWS
            begins = (np.random.default_rng(rank) if fault.again else chance).integers(0, len(text) - WINDOW - 1, rows)
            rows_NT = text[begins[:, None] + np.arange(WINDOW + 1)].astype(np.int64)
            targets = torch.from_numpy(fault.targets(rows_NT[:, 1:], chance, step - at))
            loss = nn.functional.cross_entropy(model(torch.from_numpy(rows_NT[:, :-1])).mT, targets)
            loss = loss * fault.loss(step - at)
            gradients = [fault.factor(step - at) * one for one in torch.autograd.grad(loss, list(model.parameters()))]
            losses[rank][step] = loss.item()
            norms[rank][step] = float(torch.stack([one.norm() for one in gradients]).norm())
            each.append((rows, gradients))
        whole = sum(rows for rows, _ in each)
        for number, parameter in enumerate(model.parameters()):
            parameter.grad = torch.stack([rows / whole * gradients[number] for rows, gradients in each]).sum(0)
        if math.isfinite(nn.utils.clip_grad_norm_(model.parameters(), LARGEST)):
            optimizer.step()
    return RankSignals(
        tuple(range(training.ranks)),
        {"loss": tuple(map(series_of, losses)), "gradient_norm": tuple(map(series_of, norms))},
    )


def judged(training: Training, corpora: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return a training, and what the doctor says of its ranks."""
    signals = trained(training, corpora)
    steps, loss_RS = signals.common("loss")
    facts = Facts(ranks=Ranks(training.ranks, 0, signals=signals))
    findings = diagnose(Trace({"loss": Series(steps, loss_RS.mean(axis=0))}), facts)
    of_ranks = [one for one in findings if one.kind.startswith("rank")]
    named = {one.sentence.parameters.get("rank") for one in of_ranks}
    right = named == ({training.rank} if training.fault is not SOUND else set())
    return {
        "fault": training.fault.name,
        "seed": training.seed,
        "ranks": training.ranks,
        "texts": list(training.texts),
        "uneven": training.uneven,
        "steps": training.steps,
        "rate": training.rate,
        "outcome": "right" if right else "missed" if not named else "wrong",
        "said": [str(one.sentence) for one in of_ranks],
    }


def trainings(*, quick: bool) -> list[Training]:
    """Return sound trainings of all ranks and texts, half of them uneven, and each fault with 2, 3, 4 ranks."""
    sound = [(SOUND, ranks, texts, at % 2 == 1) for ranks in RANKS for at, texts in enumerate(TEXTS)]
    planted = [
        (fault, ranks, TEXTS[(number + at) % len(TEXTS)], False)
        for number, fault in enumerate(FAULTS)
        for at, ranks in enumerate(RANKS)
    ]
    found = [
        Training(seed, ranks, texts, uneven, STEPS[seed // 2 % 2], RATES[seed // 4 % 2], fault)
        for seed, (fault, ranks, texts, uneven) in enumerate(sound + planted)
    ]
    return found[: len(TEXTS) : 2] + found[len(sound) :: 9] if quick else found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few of them")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpora, rows = texts(), []
    for training in trainings(quick=arguments.quick):
        rows.append(judged(training, corpora))
        row = rows[-1]
        print(f"{row['outcome']:7} {row['ranks']} ranks  {row['fault']:36} {'; '.join(row['said'])}", flush=True)
    names = dict.fromkeys(row["fault"] for row in rows)
    counted = {name: Counter(row["outcome"] for row in rows if row["fault"] == name) for name in names}
    print()
    for name, outcomes in counted.items():
        print(f"{name:36} {outcomes['right']} of {outcomes.total()} right, {outcomes['wrong']} wrong")
    give({"machine": machine.describe(), "load": os.getloadavg()[0], "outcomes": counted, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
