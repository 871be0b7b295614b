"""What does it cost to hold the last states of a run in memory and to watch its losses?

    python benchmarks/recording_cost/ring_cost.py [--quick] [--out FILE]

The same training with the ring and without it, in turn (A B, then B A) in one process, each from the start, on one
thread: preset small (40 steps, evaluations of 4,096 tokens at start and end) and seed-baseline (fp32, its 100
steps, evaluated and recorded as the preset says). Everything that `newllm train` does between the first step and the
last counts as training: evaluations, signals, snapshots. The ring's interval is the default, and its first copies, into
memory that nobody has touched yet, are in its cost.

Processor time is what counts: on a machine that others use, wall time says little. `own_percent` is the processor time
inside ring and watch as a share of the rest: it hardly knows noise, but does not see what a copy pushes out of the
caches. `cost_percent` is the ratio of a round's two trainings; `again_percent` is that of two without a ring: how far
to trust it. Medians over the rounds, with least and most. Both trainings end at the same loss, or the benchmark fails.

A spike costs more, once: `pin` is the time of the thread that writes one state of that preset to the disk, which runs
beside the training and is in none of the shares above.
"""

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from newllm.api.run_recording import RunRecording
from newllm.data import Corpus, training_batches
from newllm.diagnosis.onset import Onset
from newllm.training.config import RunConfig
from newllm.training.loop import Training
from newllm.training.optimizer import build_optimizer
from newllm.training.pins import Pin
from newllm.training.resolve import build_model
from newllm.training.ring import STATES
from newllm.training.run import RunDirectory
from newllm.training.snapshots import Progress, Tensors, training_tensors, write_snapshot
from newllm.training.spike_keeper import SpikeKeeper
from newllm.training.step import Stepper

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from preset_runs import resolved

TEXT = "bundled:moby-dick"
RUNS = {
    "small": (machine.precision(), 40, {"evaluate_tokens": 4096}),
    "seed-baseline": ("fp32", 100, {}),
}
NEVER = 10**9
ROUNDS, QUICK_ROUNDS, QUICK_STEPS = 7, 1, 12


@dataclasses.dataclass
class Times:
    """Seconds of one training: processor and wall of all of it, and processor inside ring and watch."""

    processor: float
    wall: float
    own: float
    copies: list[float]
    loss: float


class Watching(SpikeKeeper):
    """Holds and watches and takes its own time; it writes nothing when a spike comes: that is measured by itself."""

    def __init__(self, training: Training) -> None:
        run = training.run
        super().__init__(run.snapshots, run.trace, training.config.training.ring_every, lambda: None, lambda _: None)
        self.own, self.copies = 0.0, []

    def see(self, signal: str, step: int, loss: float) -> Onset | None:
        """See, and count the time."""
        begun = time.thread_time()
        onset = super().see(signal, step, loss)
        self.own += time.thread_time() - begun
        return onset

    def hold(self, tensors: Tensors, progress: Progress) -> None:
        """Hold, and count the time."""
        begun = time.thread_time()
        super().hold(tensors, progress)
        self.copies.append(time.thread_time() - begun)
        self.own += self.copies[-1]

    def _pin(self, pin: Pin) -> None:
        pass


class Nothing(Watching):
    """Neither holds nor watches."""

    def __init__(self, training: Training) -> None:
        super().__init__(training)
        self.every = NEVER

    def see(self, signal: str, step: int, loss: float) -> None:
        """See nothing."""


def timed(config: RunConfig, corpus: Corpus, keeper: type[Watching]) -> Times:
    """Train from the start to the end."""
    with tempfile.TemporaryDirectory() as directory:
        run = RunDirectory(Path(directory))
        recording = RunRecording(run.recording, config, corpus.tokenizer)
        training = Training(run, config, build_model(config), corpus, (), recording)
        training.keeper = watching = keeper(training)
        wall, processor = time.perf_counter(), time.process_time()
        summary = training.go()
        times = time.process_time() - processor, time.perf_counter() - wall
        loss = summary.last_validation.loss if summary.last_validation else None
        assert loss is not None
        return Times(*times, watching.own, watching.copies, loss)


def compared(preset: str, rounds: int, most_steps: int | None) -> dict[str, Any]:
    """Return what the ring costs in one preset."""
    precision, steps, changes = RUNS[preset]
    steps = min(steps, most_steps or steps)
    config, corpus = resolved(preset, precision, steps, changes)
    runs: dict[str, list[Times]] = {"off": [], "on": [], "off again": []}
    for turn in range(rounds + 1):  # the first warms up
        order = list(runs) if turn % 2 else list(runs)[::-1]
        for name in order:
            times = timed(config, corpus, Watching if name == "on" else Nothing)
            if turn:
                runs[name].append(times)
    if len({times.loss for of in runs.values() for times in of}) > 1:
        raise AssertionError("the ring changed the run")
    own = [100 * one.own / (one.processor - one.own) for one in runs["on"]]
    first = [copy for one in runs["on"] for copy in one.copies[:STATES]]
    later = [copy for one in runs["on"] for copy in one.copies[STATES:]]
    return {
        "preset": preset,
        "precision": precision,
        "steps": steps,
        "parameters": sum(p.numel() for p in build_model(config).parameters()),
        "ring_every": config.training.ring_every,
        "milliseconds_a_step": _spread([1e3 * one.processor / steps for one in runs["off"]]),
        "own_percent": _spread(own),
        "first_copies_milliseconds": _spread([1e3 * one for one in first]),
        "later_copies_milliseconds": _spread([1e3 * one for one in later]) if later else None,
        "cost_percent": _cost(runs["on"], runs["off"], "processor"),
        "again_percent": _cost(runs["off again"], runs["off"], "processor"),
        "wall_cost_percent": _cost(runs["on"], runs["off"], "wall"),
        "wall_again_percent": _cost(runs["off again"], runs["off"], "wall"),
        "pin": _pin_seconds(config, corpus),
    }


def _cost(runs: list[Times], against: list[Times], clock: str) -> dict[str, float]:
    pairs = zip(runs, against, strict=True)
    return _spread([100 * (getattr(one, clock) / getattr(other, clock) - 1) for one, other in pairs])


def _pin_seconds(config: RunConfig, corpus: Corpus) -> dict[str, Any]:
    """Return how long the writing of one state takes: wall, and processor time of the thread that does it."""
    model = build_model(config)
    optimizer = build_optimizer(model, config.optimizer)
    Stepper(model, optimizer, training_batches(corpus, config.data, config.seed), config).update(0)
    tensors = training_tensors(model, optimizer, None)
    wall, processor = [], []
    with tempfile.TemporaryDirectory() as directory:
        for step in range(5):
            starts = time.perf_counter(), time.thread_time()
            write_snapshot(Path(directory), tensors, Progress(step))
            wall.append(time.perf_counter() - starts[0])
            processor.append(time.thread_time() - starts[1])
    size = sum(value.nbytes for part in tensors.values() for value in part.values())
    return {
        "mebibytes": round(size / 2**20, 1),
        "wall_milliseconds": _spread([1e3 * one for one in wall]),
        "processor_milliseconds": _spread([1e3 * one for one in processor]),
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "least": round(min(values), 2),
        "most": round(max(values), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds of few steps")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rounds, steps = (QUICK_ROUNDS, QUICK_STEPS) if arguments.quick else (ROUNDS, None)
    result = {
        "question": "cost of holding the last states of a run in memory, and of watching its losses",
        "machine": machine.describe(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "rounds": rounds,
        "results": [compared(preset, rounds, steps) for preset in RUNS],
    }
    give(result, arguments.out)


if __name__ == "__main__":
    main()
