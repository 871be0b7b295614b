"""What does it cost a training of one process that there may be several?

    python benchmarks/training_speed/ranks_alone.py [--quick] [--before SRC] [--out FILE]

Updates of one process with one thread, in turn: the loop's (it asks its `World()` of one process wherever several would
come together), the same update written down without any of these calls, and with `--before` that of the newllm in the
folder SRC, of before there were several, in a process of its own, which waits meanwhile. Their order turns around from
round to round. Processor time; the median of each, and of each round's ratio to the update without the calls, with the
quartiles. The losses must be the same; those of SRC are told apart, not refused.

A busy machine moves such ratios by more than what is looked for. So both updates are also done with nothing to compute
(no pass, no clipping, no step of the optimizer): what the loop's takes longer are the calls, in microseconds, and by
the update's own time their share of it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from newllm.chance import stream_seed
from newllm.data import IGNORED, training_batches, trim
from newllm.training.environment import seed_torch
from newllm.training.optimizer import build_optimizer
from newllm.training.resolve import build_model
from newllm.training.step import Stepper, StepReport

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from preset_runs import resolved

LOOP, PLAIN, BEFORE = "World() of one process", "no call of a world", "before there were several"
ROUNDS = {"tiny": 60, "small": 20}
WARM_UP, MOST = 3, 1000
IDLE = 1000  # updates with nothing to compute


class PlainStepper(Stepper):
    """Does an update as if there were no world."""

    def update(self, step: int) -> StepReport:
        """Do the update that leads from `step` to `step + 1`."""
        rate = self.rate(step)
        batches = [trim(self.batches.batch(number)) for number in self._batch_indices(step)]
        tokens = sum(int((batch.targets != IGNORED).sum()) for batch in batches)
        seed_torch(stream_seed(self.config.seed, "dropout", step))
        self.optimizer.zero_grad(set_to_none=True)
        loss, contexts = 0.0, None
        for batch in batches:
            nats, _, contexts = self._pass(batch, None, tokens, watched=True)
            loss += nats / tokens
        norm = self.clip(self.model.parameters())
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return StepReport(step + 1, loss, norm, rate, contexts, tokens)


def made(preset: str, kind: type[Stepper]) -> Stepper:
    """Return what does updates of a fresh model of a preset."""
    config, corpus = resolved(preset, "fp32", MOST, {})
    model = build_model(config)
    return kind(model, build_optimizer(model, config.optimizer), training_batches(corpus, config.data, 0), config)


def microseconds_of_calls(preset: str, updates: int) -> float:
    """Return what an update takes longer for the calls, where there is nothing to compute."""
    steppers = {kind: made(preset, kind) for kind in (Stepper, PlainStepper)}
    found: dict[type[Stepper], list[float]] = {kind: [] for kind in steppers}
    for stepper in steppers.values():
        stepper._pass = lambda *_, **__: (1.0, {}, None)
        stepper.clip = lambda _: 1.0
        vars(stepper.optimizer)["step"] = lambda: None
    for step in range(updates):
        for kind, stepper in steppers.items():
            began = time.perf_counter()
            stepper.update(step)
            found[kind].append(1e6 * (time.perf_counter() - began))
    return statistics.median(found[Stepper]) - statistics.median(found[PlainStepper])


def answer(preset: str) -> None:
    """Do one update of the kind that each line says, and say what it took."""
    torch.set_num_threads(1)
    steppers = {kind: made(preset, PlainStepper if kind == PLAIN else Stepper) for kind in (LOOP, PLAIN, BEFORE)}
    steps = dict.fromkeys(steppers, 0)
    for line in sys.stdin:
        kind = line.rstrip("\n")
        began = time.process_time()
        report = steppers[kind].update(steps[kind])
        print(json.dumps([1e3 * (time.process_time() - began), report.loss]), flush=True)
        steps[kind] += 1


def measured(preset: str, before: Path | None, rounds: int) -> list[dict[str, Any]]:
    """Return the milliseconds of an update of each kind."""
    kinds = {LOOP: None, PLAIN: None, **({BEFORE: before} if before else {})}
    children = {}
    for source in {*kinds.values()}:
        environment = {**os.environ, **({"PYTHONPATH": str(source)} if source else {})}
        command = [sys.executable, __file__, "--answer", preset]
        children[source] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
    found: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for number in range(WARM_UP + rounds):
        for kind in list(kinds)[:: -1 if number % 2 else 1]:
            child = children[kinds[kind]]
            assert child.stdin is not None
            assert child.stdout is not None
            print(kind, file=child.stdin, flush=True)
            found[kind].append(json.loads(child.stdout.readline()))
    for child in children.values():
        child.communicate()
    losses = {kind: [loss for _, loss in rows] for kind, rows in found.items()}
    if losses[LOOP] != losses[PLAIN]:
        raise SystemExit("the losses are not the same: the two do not compute the same")
    rows = []
    for kind, each in found.items():
        pairs = zip(each[WARM_UP:], found[PLAIN][WARM_UP:], strict=True)
        ratios = sorted(own / plain for (own, _), (plain, _) in pairs)
        quarter = len(ratios) // 4
        rows.append(
            {
                "preset": preset,
                "update": kind,
                "ms": statistics.median(milliseconds for milliseconds, _ in each[WARM_UP:]),
                "ratio": statistics.median(ratios),
                "quartiles": [ratios[quarter], ratios[-1 - quarter]],
                "same losses": losses[kind] == losses[PLAIN],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few rounds of preset tiny")
    parser.add_argument("--before", type=Path, metavar="SRC", help="another version's folder src")
    parser.add_argument("--answer", metavar="PRESET", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()
    if arguments.answer:
        answer(arguments.answer)
        return
    before, rows = arguments.before and arguments.before.absolute(), []
    for preset, rounds in {"tiny": 5}.items() if arguments.quick else ROUNDS.items():
        for row in measured(preset, before, rounds):
            rows.append(row)
            low, high = row["quartiles"]
            numbers = f"{row['ms']:8.2f} ms  {row['ratio']:.4f} ({low:.4f} to {high:.4f})"
            print(f"{preset:6}  {row['update']:26} {numbers}  same losses: {row['same losses']}", flush=True)
        row = rows[-2 if before else -1]  # the plain update
        calls = microseconds_of_calls(preset, 100 if arguments.quick else IDLE)
        rows.append({"preset": preset, "calls, us": calls, "share of an update": calls / row["ms"] / 1e3})
        print(f"{preset:6}  calls {calls:.1f} us, {1e-1 * calls / row['ms']:.3f} % of an update", flush=True)
    give({"machine": machine.describe(), "load": os.getloadavg()[0], "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
