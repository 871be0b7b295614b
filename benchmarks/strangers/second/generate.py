"""Make the logs of the second set, and beside each faulty one its healthy twin: the same program and seed, no fault.

python benchmarks/strangers/second/generate.py --out DIR [--only NAME ...] [--missing]

Twins are for looking at (look.py) and are not kept.
"""

import argparse
import importlib
import sys
import time
import traceback
import zlib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from benchmarks.strangers.second.programs.common import Options  # noqa: E402
from benchmarks.strangers.second.runs import Run, named  # noqa: E402

CHEAP_FIRST = (
    "table", "images", "series", "latent", "towers", "masks", "denoise", "lit", "speech", "language", "hf", "pairs",
    "modular", "adversary", "policy",
)  # fmt: skip


def make(name: str, run: Run, path: Path, fault: str) -> None:
    """Train once and write the log."""
    seed = zlib.crc32(name.encode()) % 100000
    path.parent.mkdir(parents=True, exist_ok=True)
    options = Options(path, run.style, seed, fault, **run.values)
    importlib.import_module(f"benchmarks.strangers.second.programs.{run.program}").train(options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--missing", action="store_true", help="make only those that are not there")
    parser.add_argument("--part", type=int, default=-1, help="0 or 1: every other run")
    given = parser.parse_args()
    order = sorted(named().items(), key=lambda item: (CHEAP_FIRST.index(item[1].program), zlib.crc32(item[0].encode())))
    for number, (name, run) in enumerate(order):
        if (given.only and name not in given.only) or (given.part >= 0 and number % 2 != given.part):
            continue
        for folder, fault in (("runs", run.switch), *([("twins", "")] if run.switch else [])):
            path = given.out / folder / name / f"train.{run.ending}"
            if given.missing and path.exists():
                continue
            start = time.time()
            try:
                make(name, run, path, fault)
            except Exception:  # one run that ends early leaves its log; the others go on
                traceback.print_exc()
            print(f"{name} {folder} {time.time() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
