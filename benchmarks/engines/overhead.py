"""What does an engine cost? Seconds until it runs, then of each empty task and each small cell of a study.

    python benchmarks/engines/overhead.py [--quick] [--engines local ray slurm]

- start: from making the pool to the result of a first empty task, workers and newllm loaded; torch is not
- task: an empty task, one after another through one worker, median
- cell: a small run of a study (60 updates of the founding cell), one worker, median of those after the first, less
  what the same cell takes in this process
- memory: what the processes of the engine hold beside this one while idle (proportional set size)

Engines take turns. `slurm` is submitit's local executor unless NEWLLM_SLURM=slurm: a cluster's queue comes on top.
What is not installed is left out, and the table says so.
"""

import argparse
import functools
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import newllm.engines
from newllm.engines import Done, Engine, Pool
from newllm.study import Arm, Study, plan
from newllm.study.design import Cell

sys.path.append(str(Path(__file__).parents[1] / "shared"))

from machine import describe
from small_cell import one_thread, train

PACKAGES = {"local": "newllm", "ray": "ray", "slurm": "submitit"}
SHAPE = ("model.hidden=16", "model.width=8", "model.context=12", "model.layers=1")


def results_of(pool: Pool[Any, Any], tasks: list[Any]) -> list[float]:
    """Run tasks one after another; return the seconds of each."""
    seconds = []
    for task in tasks:
        start = time.perf_counter()
        pool.submit(task)
        ended = pool.next()
        assert isinstance(ended, Done), ended
        seconds.append(time.perf_counter() - start)
    return seconds


def memory() -> float:
    """Return the MB that all processes hold which this one started, and those that they started."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, waiting = set(), {os.getpid()}
    while waiting:
        waiting = {child for child, parent in parents.items() if parent in waiting}
        found |= waiting
    return sum(map(_held, found)) / 1024


def _held(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def cells(folder: Path, count: int) -> list[Cell]:
    study = Study(
        name="small",
        title="Small cells.",
        arms=(Arm("base", "As it is.", "founding-baseline", SHAPE, 30),),
        sets=("bundled:sentences",),
        claims=(),
    )
    folder.mkdir(exist_ok=True)
    return plan(study, folder, count)


def measured(name: str, folder: Path, tasks: int, count: int) -> dict[str, float]:
    """Measure one engine once."""
    folder.mkdir()
    before = memory()
    start = time.perf_counter()
    with Engine(name, 1).pool(abs, int, folder) as pool:
        results_of(pool, [-1])
        begun = time.perf_counter() - start
        empty = results_of(pool, list(range(tasks)))
        held = memory() - before
        closing = time.perf_counter()
    closed = time.perf_counter() - closing
    with Engine(name, 1).pool(functools.partial(train, folder), one_thread, folder) as pool:
        trained = results_of(pool, cells(folder / "texts", count))
    return {"start": begun, "task": statistics.median(empty), "cell": statistics.median(trained[1:]), "end": closed,
            "MB": held}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of a few tasks")
    parser.add_argument("--engines", nargs="+", default=list(newllm.engines.ENGINES), choices=newllm.engines.ENGINES)
    arguments = parser.parse_args()
    os.environ.setdefault("NEWLLM_SLURM", "local")
    rounds, tasks, count = (1, 3, 2) if arguments.quick else (2, 20, 4)
    chosen = [name for name in arguments.engines if importlib.util.find_spec(PACKAGES[name])]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        one_thread()
        plain = [train(here / "plain", cell) for cell in cells(here / "texts", count)]
        for turn in range(rounds):
            for name in chosen:
                found[name].append(measured(name, here / f"{name}-{turn}", tasks, count))
    rows = {
        name: {key: round(statistics.median(one[key] for one in each), 4) for key in each[0]}
        for name, each in found.items()
    }
    for row in rows.values():
        row["cell, more than here"] = round(row["cell"] - statistics.median(plain[1:]), 4)
    absent = [name for name in arguments.engines if name not in chosen]
    print(json.dumps({"machine": describe(), "cell in this process": round(statistics.median(plain[1:]), 4),
                      "median seconds": rows, "not installed": absent}, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()
