"""Does a guard save a training? Final loss and the time to it, against no guard, rollback-and-skip and OLMo's rule.

Small trainings with one injected fault each, five seeds, and their healthy twins:

    no guard            the fault is left to itself
    guard               `newllm.guard(loop)`: replays remedies, goes back with the best
    rollback-and-skip   `newllm.guard(loop, "rollback-and-skip")`: Chowdhery et al. 2022 (PaLM), section 5.1
    OLMo skip-step      no update where loss or gradient norm lies 6 standard deviations or more from the mean of the
                        last 128 steps: OLMo-core's SkipStepOptimizer with its defaults (github.com/allenai/OLMo-core)

Final loss is the validation loss at the last step, in evaluation mode; seconds are those of the whole training, the
guard's replays and what was done twice included. A training that a policy gave up has the loss of where it stopped.
Excess is the final loss minus that of the healthy twin of the same seed. Updates count replays too, and do not hang on
the machine.

    python benchmarks/replay/recovery.py [--quick] [--out benchmarks/results/recovery.json]
"""

import argparse
import dataclasses
import json
import math
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from faults_data import CorruptedBatch, GradientScale, LabelNoise
from faults_steps import HighRate
from newllm.files import to_json
from newllm.replays.guard.guarded import guard
from training import Fault, Setup, Training

STEPS, SEEDS = 300, 5
_NOTHING = 100.0  # nats: a loss above it is as good as none
WINDOW, SIGMAS = 128, 6.0  # OLMo-core's rolling_interval_length and sigma_factor
POLICIES = ("no guard", "guard", "rollback-and-skip", "OLMo skip-step")
Make = Callable[[int], Training]


def _case(injected: type[Fault] | None, size: dict[str, float], **setup: object) -> Make:
    def make(seed: int) -> Training:
        twin = Setup(**{"seed": seed, "steps": STEPS, **setup})  # type: ignore[arg-type]
        return Training(twin, [] if injected is None else [injected(twin, {"at": 0.5, **size})])

    return make


_TRANSFORMER = {"model": "transformer", "rate": 2e-3}
_MLP = {"model": "mlp", "rate": 0.05, "optimizer": "sgd"}
_LSTM = {"model": "lstm", "rate": 5e-3}
CASES: dict[str, tuple[dict[str, Any], type[Fault], dict[str, float]]] = {
    "rate 30 times too high for 10 steps": (_TRANSFORMER, HighRate, {"factor": 30, "steps": 10}),
    "rate 20 times too high from a step on": (_TRANSFORMER, HighRate, {"factor": 20}),
    "rate 40 times too high from a step on, SGD": (_MLP, HighRate, {"factor": 40}),
    "gradient 50 times too large from a step on, SGD": (_MLP, GradientScale, {"factor": 50}),
    "8 corrupted batches, SGD": (_MLP, CorruptedBatch, {"scale": 30, "steps": 8}),
    "10 corrupted batches": (_TRANSFORMER, CorruptedBatch, {"scale": 30, "steps": 10}),
    "30 batches with shuffled targets": (_LSTM, LabelNoise, {"steps": 30}),
    "one corrupted batch": (_TRANSFORMER, CorruptedBatch, {"scale": 30, "steps": 1}),
}


@dataclasses.dataclass(frozen=True)
class Ran:
    """What one training came to."""

    loss: float
    seconds: float
    updates: int
    status: str
    actions: tuple[str, ...]


class SkipStep:
    """OLMo's rule around an optimizer's step; see the module.

    Means are over the last `WINDOW` values, the new one left out; half a window comes first. What is not finite is left
    out of them, or OLMo-core's would never do an update again.
    """

    def __init__(self) -> None:
        self.values = {name: deque[float](maxlen=WINDOW) for name in ("loss", "norm")}

    def skips(self, loss: float, norm: float) -> bool:
        """Take in a step; return whether its update is left out."""
        bad = [self._is_far(self.values[name], value) for name, value in (("loss", loss), ("norm", norm))]
        for name, value in (("loss", loss), ("norm", norm)):
            self.values[name].append(value)
        return any(bad)

    def _is_far(self, past: Sequence[float], value: float) -> bool:
        if not math.isfinite(value):
            return True
        finite = [one for one in past if math.isfinite(one)]
        if len(finite) + 1 < WINDOW // 2:
            return False
        return abs(value - statistics.fmean(finite)) > SIGMAS * statistics.stdev(finite)


def skip_step(training: Training) -> tuple[nn.Module, int, str, tuple[str, ...]]:
    """Train under OLMo's rule, with the same chance as the other policies."""
    loop = training.loop()
    replica = loop.start(loop.setup(0, 0, 0, 0), None)
    rule, seen = SkipStep(), {}
    own_clip, skipped = replica.clip, 0
    own_loss = loop.loss

    def loss(model: nn.Module, batch: object) -> torch.Tensor:
        value = own_loss(model, batch)
        seen["loss"] = float(value.detach())
        return value

    def clip(parameters: object) -> float:
        nonlocal skipped
        norm = own_clip(parameters)  # type: ignore[arg-type]
        if rule.skips(seen["loss"], norm):
            skipped += 1
            return math.nan  # a norm that is not finite changes no weight
        return norm

    loop.loss, replica.clip = loss, clip
    with torch.random.fork_rng():
        for step in range(loop.steps):
            replica.update(step)
    return replica.model, loop.steps, "finished", (f"{skipped} skipped",) if skipped else ()


def guarded(training: Training, policy: str) -> tuple[nn.Module, int, str, tuple[str, ...]]:
    """Train under a guard's policy."""
    got = guard(training.loop(), policy)
    twice = sum(len(losses) for losses in got.abandoned.values())
    replayed = sum(one.updates for one in got.recoveries)
    actions = tuple(one.remedy or one.action for one in got.recoveries)
    return got.model, got.step + twice + replayed, got.status, actions


def run(training: Training, policy: str) -> Ran:
    """Train once and measure."""
    began = time.perf_counter()
    if policy == "OLMo skip-step":
        model, updates, status, actions = skip_step(training)
    else:
        model, updates, status, actions = guarded(training, "off" if policy == "no guard" else policy)
    seconds = time.perf_counter() - began
    model.eval()
    with torch.no_grad():
        loss = training.validate(model)["validation"]
    return Ran(loss if loss < _NOTHING else math.inf, seconds, updates, status, actions)


def measure(seeds: int, cases: Sequence[str]) -> list[dict[str, Any]]:
    """Run every case with every policy, and the healthy twins."""
    rows = []
    twins: dict[str, list[dict[str, Ran]]] = {}
    for name in cases:
        setup, fault, size = CASES[name]
        key = json.dumps(setup)
        if key not in twins:
            make = _case(None, {}, **setup)
            twins[key] = [{one: run(make(seed), one) for one in POLICIES} for seed in range(seeds)]
            rows += [_row(f"healthy {setup['model']}", one, [t[one] for t in twins[key]], None) for one in POLICIES]
        make = _case(fault, size, **setup)
        base = [twin["no guard"].loss for twin in twins[key]]
        ran = {one: [run(make(seed), one) for seed in range(seeds)] for one in POLICIES}
        rows += [_row(name, one, ran[one], base) for one in POLICIES]
        print(name, *(f"\n    {one}: {[round(r.loss, 3) for r in ran[one]]}" for one in POLICIES), file=sys.stderr)
    return rows


def _row(name: str, policy: str, ran: Sequence[Ran], twins: Sequence[float] | None) -> dict[str, Any]:
    """Return one line of the table: medians over the seeds, and every value."""
    excess = None if twins is None else [one.loss - twin for one, twin in zip(ran, twins, strict=True)]
    return {
        "case": name,
        "policy": policy,
        "final_loss": [one.loss for one in ran],
        "median_final_loss": statistics.median(one.loss for one in ran),
        "median_excess": None if excess is None else statistics.median(excess),
        "worst_excess": None if excess is None else max(excess),
        "median_seconds": statistics.median(one.seconds for one in ran),
        "median_updates": statistics.median(one.updates for one in ran),
        "finished": sum(one.status == "finished" for one in ran),
        "seeds": len(ran),
        "actions": [list(one.actions) for one in ran],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three cases, two seeds")
    parser.add_argument("--out", type=Path, help="write the results there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    quick = arguments.quick
    rows = measure(2 if quick else SEEDS, list(CASES)[2:5] if quick else list(CASES))
    sys.path.append(str(Path(__file__).parents[1] / "shared"))
    from machine import describe

    result = {"machine": describe(), "steps": STEPS, "seconds": time.perf_counter() - began, "rows": rows}
    if arguments.out:
        arguments.out.write_text(to_json(result, indent=1) + "\n")
    print(to_json({key: value for key, value in result.items() if key != "rows"}))
    for row in rows:
        print(_line(row))


def _line(row: dict[str, Any]) -> str:
    """Return one line of the table in docs/guard.md."""
    excess = "" if row["median_excess"] is None else f"{row['median_excess']:+.3f} (worst {row['worst_excess']:+.3f})"
    work = f"{row['median_updates']:.0f} | {row['median_seconds']:.1f} s | {row['finished']}/{row['seeds']}"
    return f"| {row['case']} | {row['policy']} | {row['median_final_loss']:.3f} | {excess} | {work} |"


if __name__ == "__main__":
    main()
