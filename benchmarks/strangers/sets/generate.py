"""Makes the logs and recordings of the fourth, fifth or sixth set again.

    python benchmarks/strangers/sets/generate.py SET --out DIR [--twins DIR] [--only NAME ...] [--missing] [--jobs N]

Programs are imported once and each run is forked from there, since importing takes longer than training. A program
run alone, as its module says, prints the same.
"""

import argparse
import os
import runpy
import shutil
import sys
import time
from pathlib import Path

from set_folder import SOURCE, STRANGERS, add_set, runs_of


def preload():
    """Imports what programs need, and no operation of torch is called, so that forks are safe."""
    import accelerate
    import lightning
    import sklearn.datasets
    import torch
    import transformers

    import newllm
    import newllm.hf
    import newllm.lightning

    assert all((accelerate, lightning, sklearn, torch, transformers, newllm))
    __import__("common")


def arguments(run, out, healthy):
    """The command line of a run or of its twin."""
    line = ["--out", str(out), "--seed", str(run.seed)]
    line += ["--fault", run.fault] if run.fault and not healthy else []
    return [*line, "--set", *run.options.split()]


def child(run, out, healthy, programs):
    """Runs in a forked process: output goes to log.txt, as with `> log.txt 2>&1`."""
    with (out / "log.txt").open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    line = arguments(run, out, healthy)
    sys.argv = [f"{run.program}.py", *line]
    code = 0
    try:
        os.chdir(programs)  # so that warnings name a program without its folder
        runpy.run_path(f"{run.program}.py", run_name="__main__")
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)


def finish(run, out):
    """Keeps the log and the recording, nothing else."""
    if run.log != "log.txt" and (out / run.log).exists():
        (out / "log.txt").replace(out / "said.txt")
    for path in out.iterdir():
        if path.name not in (run.log, "recording", "said.txt", "log.txt"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def main():
    """As many at a time as `--jobs` says."""
    parser = argparse.ArgumentParser()
    add_set(parser, ("fourth", "fifth", "sixth"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--twins", type=Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--program")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--missing", action="store_true")
    given = parser.parse_args()
    given.out, given.twins = (path and path.resolve() for path in (given.out, given.twins))
    os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", PYTHONPATH=str(SOURCE))
    runs = runs_of(given.set)
    preload()
    wanted = []
    for run in runs:
        if (given.only and run.name not in given.only) or (given.program and run.program != given.program):
            continue
        wanted += [(run, given.out / run.name, False)] if given.out else []
        wanted += [(run, given.twins / run.name, True)] if given.twins and run.fault else []
    if given.missing:
        wanted = [(r, out, h) for r, out, h in wanted if not (out / r.log).exists()]
    going = {}
    while wanted or going:
        while wanted and len(going) < given.jobs:
            run, out, healthy = wanted.pop(0)
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True)
            number = os.fork()
            if number == 0:
                child(run, out, healthy, STRANGERS / given.set / "programs")
            going[number] = (run, out, healthy, time.time())
        number, status, usage = os.wait3(0)
        run, out, healthy, begin = going.pop(number)
        finish(run, out)
        bad = "" if status == 0 else "   FAILED"
        print(f"{run.name} {run.fault or '-'} {'twin' if healthy else ''} {time.time() - begin:.0f}s "
              f"cpu {usage.ru_utime:.1f}{bad}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
