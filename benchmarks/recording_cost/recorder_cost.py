"""What does recording a training run cost, beside trainpulse, stabilityguard and trainscope?

    pip install trainpulse stabilityguard trainscope    # in an environment of their own; what is missing is left out
    python benchmarks/recording_cost/recorder_cost.py [--quick] [--out FILE]

Two models of about 4 M parameters on the CPU, AdamW, clipping at 1.0: our stack and a plain Transformer on torch's
scaled_dot_product_attention. Every job has its own copy of model and optimizer, sees the same batches, and does one
step in turn, in an order that rotates, so that a machine that drifts drifts for all. Time is the processor time of the
process, on one thread: what others do on the machine hardly enters it. A cost is the difference to the unrecorded step
of the same round, by its time. Steps that a recorder samples cost more, and they are rare: the steps
of a cycle of 50 are put in classes (first of 50, of 10, of 5, the rest), the median difference is taken in each class,
and the medians are weighted by how often the classes come. `spread` is the interval of that number over 200 bootstrap
samples of the rounds. `unrecorded again` is the same loop twice: how far to trust the rest.

Jobs: ours with the per-step signals only, and with every signal of every layer each 10 steps; the others as their
README says. trainpulse gets the numbers that the loop has; the others measure by themselves.
"""

import argparse
import contextlib
import importlib
import io
import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give

ROWS, POSITIONS, VOCABULARY = 8, 128, 2000
WIDTH, LAYERS, HEADS, HIDDEN = 256, 4, 8, 704
WARM_UP, CYCLE = 3, 50
NEVER = 10**9
RIVALS = ("trainpulse", "stabilityguard", "trainscope")
Step = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rounds = CYCLE if arguments.quick else 4 * CYCLE
    result = {
        "question": "cost of recording a training step",
        "machine": machine.describe(),
        "rounds": rounds,
        "rows": ROWS,
        "positions": POSITIONS,
        "results": [_compare(name, make, rounds) for name, make in MODELS.items()],
        "missing": [name for name in RIVALS if not _importable(name)],
    }
    give(result, arguments.out)


class PlainBlock(nn.Module):
    """A pre-norm Transformer block as tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query_key_value, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Map a sequence to one of the same shape."""
        query_key_value = self.query_key_value(self.attention_norm(x_BTD)).unflatten(-1, (3, HEADS, -1))
        query, key, value = (part.transpose(1, 2) for part in query_key_value.unbind(2))
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x_BTD = x_BTD + self.out(attended.transpose(1, 2).flatten(2))
        return x_BTD + self.down(F.gelu(self.up(self.mlp_norm(x_BTD))))


class PlainTransformer(nn.Module):
    """A decoder with learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.blocks = nn.ModuleList(PlainBlock() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Return logits."""
        x_BTD = self.tokens(tokens_BT) + self.positions.weight[: tokens_BT.shape[1]]
        for block in self.blocks:
            x_BTD = block(x_BTD)
        return self.head(self.norm(x_BTD))


class PlainConvolutions(nn.Module):
    """Residual convolutions over positions with batch norms, whose statistics are buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, VOCABULARY)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv1d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU())
            for _ in range(4 * LAYERS)
        )

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Return logits."""
        x_BDT = self.tokens(tokens_BT).transpose(1, 2)
        for block in self.blocks:
            x_BDT = x_BDT + block(x_BDT)
        return self.head(x_BDT.transpose(1, 2))


def _stack() -> nn.Module:
    shape: dict[str, Any] = {"width": WIDTH, "layers": LAYERS, "hidden": HIDDEN, "context": WIDTH}
    return LanguageModel(ModelConfig(body="stack", rule="gated", vocabulary=VOCABULARY, **shape))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "stack": _stack,
    "plain transformer": PlainTransformer,
    "plain convolutions": PlainConvolutions,
}


class Loop:
    """The loop that is recorded, one step a call; subclasses add what a README says."""

    def __init__(self, make: Callable[[], nn.Module], places: contextlib.ExitStack) -> None:
        torch.manual_seed(0)
        self.model = make().train()
        self.optimizer: Any = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.places = places
        self.out = Path(places.enter_context(tempfile.TemporaryDirectory()))
        self.steps = 0
        self.attach()

    def attach(self) -> None:
        """Begin to record."""

    def between(self, loss: Tensor) -> None:
        """Between backward and the optimizer's step."""

    def after(self, loss: Tensor, norm: Tensor) -> None:
        """After the optimizer's step."""

    def step(self, tokens_BT: Tensor) -> None:
        """Do one step."""
        logits = self.model(tokens_BT[:, :-1])
        logits = logits[0] if isinstance(logits, tuple) else logits
        loss = F.cross_entropy(logits.flatten(0, 1), tokens_BT[:, 1:].flatten())
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.between(loss)
        self.optimizer.step()
        self.after(loss, norm)
        self.steps += 1


class OursPerStep(Loop):
    """Every step, and layers never."""

    every = NEVER

    def attach(self) -> None:
        """Begin to record."""
        recording = newllm.record(self.model, self.optimizer, self.out / "run", every=self.every)
        self.recorder = self.places.enter_context(recording)

    def after(self, loss: Tensor, norm: Tensor) -> None:  # noqa: ARG002
        """Record."""
        self.recorder.step(loss)


class OursEveryLayer(OursPerStep):
    """Every step, and all layers each 10 steps."""

    every = 10


class Trainpulse(Loop):
    """As its README says."""

    def attach(self) -> None:
        """Begin to record."""
        self.monitor = importlib.import_module("trainpulse").Monitor()

    def step(self, tokens_BT: Tensor) -> None:
        """Do one step."""
        self.monitor.step_start()
        super().step(tokens_BT)

    def after(self, loss: Tensor, norm: Tensor) -> None:
        """Record."""
        self.monitor.log("loss", self.steps, loss.item())
        self.monitor.log("grad_norm", self.steps, norm.item())
        self.monitor.log("learning_rate", self.steps, self.optimizer.param_groups[0]["lr"])
        self.monitor.step_end(self.steps)


class Stabilityguard(Loop):
    """As its README says."""

    def attach(self) -> None:
        """Begin to record."""
        guard = importlib.import_module("stabilityguard").GuardedOptimizer
        options: dict[str, Any] = {"spike_threshold": 10.0, "nan_action": "skip", "log_every": 50}
        self.optimizer = guard(self.optimizer, self.model, log_dir=str(self.out), **options)


class Trainscope(Loop):
    """As its README says."""

    def attach(self) -> None:
        """Begin to record."""
        scope, config = importlib.import_module("trainscope"), importlib.import_module("trainscope.core.config")
        settings = config.TrainScopeConfig(run_dir=str(self.out))
        self.scope = scope.TrainScope(self.model, self.optimizer, config=settings).attach()
        self.places.callback(self.scope.detach)

    def between(self, loss: Tensor) -> None:
        """Record."""
        self.scope.step(loss.item(), batch_index=self.steps)


JOBS: dict[str, type[Loop]] = {
    "unrecorded": Loop,
    "unrecorded again": Loop,
    "newllm.record, per-step signals": OursPerStep,
    "newllm.record, all layers every 10": OursEveryLayer,
    "trainpulse": Trainpulse,
    "stabilityguard": Stabilityguard,
    "trainscope": Trainscope,
}


def _compare(name: str, make: Callable[[], nn.Module], rounds: int) -> dict[str, Any]:
    with contextlib.ExitStack() as places, contextlib.redirect_stdout(io.StringIO()):
        kinds = {job: kind for job, kind in JOBS.items() if job not in RIVALS or _importable(job)}
        loops = {job: kind(make, places) for job, kind in kinds.items()}
        seconds = _rounds(loops, rounds)
        parameters = sum(p.numel() for p in loops["unrecorded"].model.parameters())
    plain = statistics.median(seconds["unrecorded"])
    result = {
        "model": name,
        "parameters": parameters,
        "milliseconds_unrecorded": round(1e3 * plain, 2),
        "cost_percent": {job: _cost(seconds, job, plain) for job in loops if job != "unrecorded"},
    }
    print(json.dumps(result), file=sys.stderr, flush=True)
    return result


def _rounds(loops: dict[str, Loop], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {job: [] for job in loops}
    order = list(loops)
    for turn in range(rounds + WARM_UP):
        tokens_BT = torch.randint(VOCABULARY, (ROWS, POSITIONS + 1))
        order = order[1:] + order[:1]
        for job in order:
            start = time.process_time()
            loops[job].step(tokens_BT)
            if turn >= WARM_UP:
                seconds[job].append(time.process_time() - start)
    return seconds


def _cost(seconds: dict[str, list[float]], job: str, plain: float) -> dict[str, Any]:
    differences = [100 * (a - b) / plain for a, b in zip(seconds[job], seconds["unrecorded"], strict=True)]
    # The first timed step is number WARM_UP + 1 of the run.
    classes: dict[int, list[float]] = {}
    for index, difference in enumerate(differences):
        classes.setdefault(_class(index + WARM_UP + 1, job), []).append(difference)
    chance = random.Random(0)
    samples = sorted(
        _weighted({key: chance.choices(values, k=len(values)) for key, values in classes.items()}) for _ in range(200)
    )
    return {
        "cost": round(_weighted(classes), 2),
        "spread": [round(samples[5], 2), round(samples[-6], 2)],
        "sampled_step": round(statistics.median(classes[10] + classes.get(50, [])), 2),
        "other_step": round(statistics.median(classes[1]), 2),
    }


def _class(step: int, job: str) -> int:
    """Return 50, 10, 5 or 1: the largest of them that divides the step as the recorder counts it."""
    counted = step if job.startswith("newllm") else step - 1  # the others count from 0
    return next(size for size in (50, 10, 5, 1) if counted % size == 0)


def _weighted(classes: dict[int, list[float]]) -> float:
    share = {50: 1 / 50, 10: 4 / 50, 5: 5 / 50, 1: 40 / 50}
    return math.fsum(share[size] * statistics.median(values) for size, values in classes.items())


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main()
