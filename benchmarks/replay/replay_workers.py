"""Does it pay to run replays in parallel workers? Seconds of eight replays of the founding baseline, three ways.

    python benchmarks/replay/replay_workers.py [--quick]

- serial: one process, all of torch's threads
- one worker: one process, one thread
- workers: one process a core, one thread each, as `newllm replay` does it

The ways take turns (A B C A B C), medians over the rounds; starting the workers is not counted, they live over a whole
session. One batched model for several replays was measured for the cell before: products stacked by bmm do not pay
(docs/LOG.md, 2026-11-24).
"""

import argparse
import functools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

import newllm
from newllm.engines.local import Workers
from newllm.replays.replica.trajectory import Until
from newllm.replays.session.store import Store
from newllm.replays.session.task import Replayer, Task
from newllm.replays.subjects.own_run import OwnRun

sys.path.append(str(Path(__file__).parents[1] / "shared"))

from machine import describe


def tasks(count: int, steps: int) -> list[Task]:
    until = Until(None, steps, steps, 3)
    return [Task("", 0, replay, until, 39, 45, (31, 38, 45)) for replay in range(1, count + 1)]


def serial(replayer: Replayer, work: list[Task], threads: int) -> float:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    start = time.perf_counter()
    for task in work:
        replayer(task)
    torch.set_num_threads(before)
    return time.perf_counter() - start


def parallel(workers: Workers, work: list[Task]) -> float:
    start = time.perf_counter()
    for task in work:
        workers.submit(task)
    while workers.unfinished:
        workers.next()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short replays, one round")
    quick = parser.parse_args().quick
    cores = os.cpu_count() or 1
    work, rounds = tasks(2, 4) if quick else tasks(8, 78), 1 if quick else 3
    seconds: dict[str, list[float]] = {"serial": [], "one worker": [], "workers": []}
    with tempfile.TemporaryDirectory() as directory:
        run = newllm.train(preset="seed-baseline", out=Path(directory) / "run", settings=("training.steps=4",)).path
        replayer = Replayer(functools.partial(OwnRun, run), Store(None, {}).state)
        with Workers(replayer, cores, functools.partial(torch.set_num_threads, 1)) as workers:
            parallel(workers, tasks(2 * cores, 2))
            serial(replayer, tasks(1, 2), cores)
            for _ in range(rounds):
                seconds["serial"].append(serial(replayer, work, cores))
                seconds["one worker"].append(serial(replayer, work, 1))
                seconds["workers"].append(parallel(workers, work))
    median = {name: round(statistics.median(values), 2) for name, values in seconds.items()}
    gain = round(median["serial"] / median["workers"], 2)
    every = {name: [round(value, 2) for value in values] for name, values in seconds.items()}
    print(json.dumps({"machine": describe(), "replays": len(work), "seconds": every, "median": median,
                      "serial by workers": gain}, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()
