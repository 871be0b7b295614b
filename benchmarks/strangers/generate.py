"""Make the logs: `python benchmarks/strangers/generate.py --out DIR [--quick] [--only NAME ...]`.

It needs transformers, lightning, accelerate and scikit-learn beside newllm (README.md says which versions). Each run is
trained in a process of its own, on one thread.
"""

import argparse
import contextlib
import multiprocessing
import os
import shutil
import sys
import time
import traceback
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from benchmarks.strangers.cases.all import CASES
from benchmarks.strangers.cases.data import moby
from benchmarks.strangers.cases.registry import Case, Out


def make(task: tuple[str, Path, bool]) -> tuple[str, float, str]:
    """Train one run; return its name, the seconds it took, and the error if there was one."""
    name, out, quick = task
    case: Case = CASES[name]
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch.set_num_threads(1)
    torch.manual_seed(case.seed)
    began, error = time.perf_counter(), ""
    with (
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        try:
            case.program(Out(folder, case.recorded, quick, case.seed), **case.switches)
        except Exception:  # whatever a program throws is told, and the others go on
            error = traceback.format_exc()
    return name, time.perf_counter() - began, error


def warm_up() -> None:
    """Do once what every process would do again: unpack the book, and what torch imports at the first step."""
    moby()
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    torch.optim.AdamW([parameter]).step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder for the logs, one folder a run")
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps: do the programs still run?")
    parser.add_argument("--only", nargs="*", help="names of runs")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    names = given.only or list(CASES)
    tasks = [(name, given.out.resolve(), given.quick) for name in names]
    failed = 0
    warm_up()
    with multiprocessing.get_context("fork").Pool(given.workers, maxtasksperchild=1) as pool:
        for name, seconds, error in pool.imap_unordered(make, tasks):
            failed += bool(error)
            print(f"{name}: {seconds:.1f} s{chr(10) + error if error else ''}", flush=True)
    print(f"{len(names)} runs, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
