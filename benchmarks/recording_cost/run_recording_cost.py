"""What does `newllm train` pay for the signals that it writes into its own run?

    python benchmarks/recording_cost/run_recording_cost.py [--quick] [--out FILE]

One thread, processor time. The same training twice: one samples the odd steps (outputs of layers, gradients, weights,
updates, classes), the other the even ones, and each step is held against itself unsampled; a machine that drifts
between the two drifts once for and once against. `percent` is the difference as a share of an unsampled step, at the
interval of a long run: every tenth step. Evaluations are left out: what they record comes from their own forward pass.
seed-baseline's own run is short and sampled every second step: five times its `percent`.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from newllm.api.run_recording import RunRecording
from newllm.data import Corpus
from newllm.training.config import RunConfig
from newllm.training.loop import Training
from newllm.training.recording import Signals
from newllm.training.resolve import build_model
from newllm.training.run import RunDirectory
from newllm.training.step import StepReport

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from preset_runs import resolved
from ring_cost import Nothing

PRESETS = (("small", "bf16", 44), ("small", "fp32", 44), ("seed-baseline", "fp32", 100))
LONG = 10  # steps between sampled steps in a long run


class Timed(RunRecording):
    """Samples every second step, the first one or the second, and keeps each step's processor seconds."""

    def __init__(self, first: int, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._first, self._every, self.seconds = first, 2, []

    def stepping(self, step: int) -> None:
        """Begin to count."""
        self.seconds.append(-time.process_time())
        super().stepping(step - self._first + 1)

    def stepped(self, report: StepReport) -> Signals:
        """Count what the signals cost too."""
        signals = super().stepped(report)
        self.seconds[-1] += time.process_time()
        return signals


class Unevaluated(Training):
    """Trains without evaluations."""

    def _evaluate(self) -> bool:
        return False


def seconds(config: RunConfig, corpus: Corpus, first: int) -> list[float]:
    """Return the processor seconds of each step of a training that samples every second one from the first given."""
    with tempfile.TemporaryDirectory() as directory:
        run = RunDirectory(Path(directory))
        recording = Timed(first, run.recording, config, corpus.tokenizer)
        training = Unevaluated(run, config, build_model(config), corpus, (), recording)
        training.keeper = Nothing(training)
        training.go()
    return recording.seconds


def measured(preset: str, precision: str, steps: int) -> dict[str, Any]:
    """Return the cost in one preset."""
    config, corpus = resolved(preset, precision, steps, {})
    seconds(config, corpus, 0)  # warms up
    even, odd = seconds(config, corpus, 0), seconds(config, corpus, 1)
    more = [[1e3 * (b - a) for a, b in zip(odd[0::2], even[0::2], strict=True)]]
    more.append([1e3 * (b - a) for a, b in zip(even[1::2], odd[1::2], strict=True)])
    step = 1e3 * statistics.median([*odd[0::2], *even[1::2]])
    cost = statistics.mean(statistics.median(half) for half in more)
    return {
        "preset": preset,
        "precision": precision,
        "steps": steps,
        "milliseconds_a_step": round(step, 2),
        "milliseconds_more": round(cost, 2),
        "milliseconds_more_by_half": [round(statistics.median(half), 2) for half in more],
        "percent": round(100 * cost / step / LONG, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few steps")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [one for one in PRESETS if one[1] in machine.precisions(quick=arguments.quick)]
    result = {
        "question": "cost of what newllm train records of its own run",
        "machine": machine.describe(),
        "results": [measured(p, precision, 12 if arguments.quick else steps) for p, precision, steps in chosen],
    }
    give(result, arguments.out)


if __name__ == "__main__":
    main()
