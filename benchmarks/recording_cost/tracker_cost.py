"""What does a training pay for being sent to a tracker?

    python benchmarks/recording_cost/tracker_cost.py [--quick] [--tracker NAME ...] [--out FILE]

One thread. Within one training blocks of updates are sent and not sent in turn, so that a machine that drifts does so
for both; each block is held against the mean of its two neighbours. `percent` is the processor time that the process of
the training spends more (its thread that writes among it), as a share of an update, with a 95 % interval over blocks;
`percent_wall` is the same of the wall time, which other programs on the machine disturb. `microseconds_call` is what
the training waits for each update, `microseconds_writer` the processor time of the thread that writes.
`tracker_milliseconds` is the processor time of the tracker's own process for each update that was sent, without its
start and without the doctor.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from newllm.api.run_recording import RunRecording
from newllm.tracking import Tracking
from newllm.training.loop import Training
from newllm.training.observer import Observer
from newllm.training.recording import Signals
from newllm.training.resolve import build_model
from newllm.training.run import RunDirectory
from newllm.training.step import StepReport

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from preset_runs import resolved
from ring_cost import Nothing

TRACKERS = ("tensorboard", "mlflow", "wandb", "trackio")
BLOCK = 10  # updates


class Blocks(Observer):
    """Sends every second block of updates, and keeps the seconds of each block."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self.processor: list[float] = []
        self.wall: list[float] = []
        self.calls: list[float] = []
        self._began = (0.0, 0.0)

    def recorded(self, step: int, signals: Signals) -> None:
        """Send the row, if it is of a block that is sent."""
        if (step - 1) // BLOCK % 2:
            began = time.perf_counter()
            self._tracking.step(step, signals)
            self.calls.append(time.perf_counter() - began)

    def stepped(self, report: StepReport) -> None:
        """Count at the end of a block."""
        if report.step % BLOCK == 0:
            now = time.process_time(), time.perf_counter()
            if report.step > BLOCK:
                self.processor.append(now[0] - self._began[0])
                self.wall.append(now[1] - self._began[1])
            self._began = now


class Unevaluated(Training):
    """Trains without evaluations."""

    def _evaluate(self) -> bool:
        return False


def percent(blocks: list[float]) -> dict[str, float]:
    """Return what sent blocks cost more than their neighbours, in percent; the first block of the list was sent."""
    more = [
        100 * (blocks[at] / statistics.mean((blocks[at - 1], blocks[at + 1])) - 1)
        for at in range(2, len(blocks) - 1, 2)
    ]
    mean, error = statistics.mean(more), statistics.stdev(more) / len(more) ** 0.5
    return {"percent": round(mean, 2), "low": round(mean - 1.96 * error, 2), "high": round(mean + 1.96 * error, 2)}


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(tracker: str, steps: int) -> dict[str, Any]:
    """Return the cost of one tracker."""
    config, corpus = resolved("tiny", "fp32", steps, {})
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        os.environ |= {"WANDB_MODE": "offline", "TRACKIO_DIR": directory, "HF_HUB_OFFLINE": "1"}
        run = RunDirectory(Path(directory) / "run")
        run.path.mkdir()
        tracking = Tracking([tracker])
        tracking.check()
        tracking.start(run.path, {}, 0)
        while not tracking.news():  # it imports its package
            time.sleep(0.1)
        pid = tracking._trackers[0]._process.pid
        writer = tracking._trackers[0]._threads[0].ident
        assert writer is not None, "it was started"
        began = processor_seconds(pid)
        blocks = Blocks(tracking)
        recording = RunRecording(run.recording, config, corpus.tokenizer)
        training = Unevaluated(run, config, build_model(config), corpus, (blocks,), recording)
        training.keeper = Nothing(training)
        training.go()
        time.sleep(2.0)
        spent = processor_seconds(pid) - began
        written = time.clock_gettime(time.pthread_getcpuclockid(writer))
        tracking.finish("finished")
        lost = [str(one) for one in tracking.news()]
        os.chdir("/")
    return {
        "tracker": tracker,
        "milliseconds_an_update": round(1e3 * statistics.median(blocks.processor) / BLOCK, 2),
        **percent(blocks.processor),
        "percent_wall": percent(blocks.wall),
        "microseconds_call": round(1e6 * statistics.median(blocks.calls), 1),
        "microseconds_writer": round(1e6 * written / len(blocks.calls), 1),
        "tracker_milliseconds": round(1e3 * spent / len(blocks.calls), 2),
        "said": lost,
    }


def main() -> None:
    """Measure every tracker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few steps")
    parser.add_argument("--tracker", action="append", choices=TRACKERS, help="only these")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    steps = (100 if arguments.quick else 600) + BLOCK
    result = {
        "question": "cost of sending a training to a tracker",
        "machine": machine.describe(),
        "results": [measured(tracker, steps) for tracker in arguments.tracker or TRACKERS],
    }
    give(result, arguments.out)


if __name__ == "__main__":
    main()
