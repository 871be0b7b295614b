"""What becomes of a run when things go wrong: a seeded campaign of faults against the commands of newllm.

    python benchmarks/faults/faults.py --seconds 60 [--seed S] [--out FILE]
    python benchmarks/faults/faults.py --long --out FILE      until the long form's counts are reached; may be stopped
    python benchmarks/faults/faults.py --kind flips --case 17       one case again, with what became of it

kills       the process dies at a random call that changes the file system, up to six times in one run
errors      a full disk, a quota, a read-only mount, a device error, from or at a random call on
power cuts  what a disk may hold after a power cut at a random call (campaign/power.py)
flips       one bit of a random file that the next command reads
logs        damaged logs of all formats, read by `newllm doctor`

After each the next command is run. Allowed is: the same bits as without the fault; one line and exit code 2; a repair
that is told. A sound answer is what a damaged log may still get. Everything is a function of the seed and the number
of the case. The exit code is 1 if anything else happened. Limits: Linux; one process; replays run without workers.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # before torch is imported

import argparse
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # what torch would import when the first optimizer is made

from campaign import cuts, stops, tally
from campaign.flips import Flips
from campaign.hostile import BATCH, Hostile
from campaign.outcome import VIOLATION, Outcome
from campaign.stage import Stage
from campaign.tally import Tally

LONG = {"kills": 1000, "errors": 500, "power cuts": 1000, "flips": 10_000, "logs": 100_000}
_SHARES = {"kills": 0.3, "errors": 0.15, "power cuts": 0.2, "flips": 0.25, "logs": 0.1}  # of the time
_SAVE_SECONDS = 20.0
_HEAVY_SECONDS = 30.0  # a shorter campaign leaves guard and replays out: preparing them takes longer

Case = Callable[[int], list[Outcome]]


def cases_of(stage: Stage, seed: str) -> dict[str, Case]:
    """Return what runs a case of each kind, by its number."""
    flips, hostile = Flips(stage), Hostile(stage, seed)

    def chance(kind: str, number: int) -> random.Random:
        return random.Random(f"{seed} {kind} {number}")

    return {
        "kills": lambda number: stops.kill(stage, chance("kills", number)),
        "errors": lambda number: stops.refuse(stage, chance("errors", number)),
        "power cuts": lambda number: cuts.cut(stage, chance("power cuts", number)),
        "flips": lambda number: flips.flip(chance("flips", number)),
        "logs": lambda number: hostile.batch(range(number, number + BATCH)),
    }


def main() -> int:
    """Run the campaign and return its exit code."""
    arguments = _parse()
    torch.set_num_threads(1)  # no pool of threads may exist before a fork
    folder = Path(tempfile.mkdtemp(prefix="newllm-faults-", dir=arguments.work))
    try:
        heavy = arguments.cases is None and (arguments.long or arguments.seconds >= _HEAVY_SECONDS)
        stage = Stage(folder, heavy=heavy)
        stage.warm_up()
        cases = cases_of(stage, arguments.seed)
        if arguments.case is not None:
            return _one_case(cases[arguments.kind[0]], arguments.case)
        return _campaign(cases, arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="about so long, preparation not counted")
    parser.add_argument("--cases", type=int, help="instead: so many of each kind, the light ones alone")
    parser.add_argument("--long", action="store_true", help=f"until these counts are reached: {LONG}")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--kind", action="append", choices=list(LONG), help="only this kind; may be repeated")
    parser.add_argument("--case", type=int, help="one case of the one --kind")
    parser.add_argument("--out", type=Path, help="JSON with the counts; what it holds is gone on with")
    parser.add_argument("--work", type=Path, help="where the runs are made (default: the system's temporary files)")
    arguments = parser.parse_args()
    if arguments.case is not None and len(arguments.kind or ()) != 1:
        parser.error("--case: name its --kind")
    return arguments


def _one_case(case: Case, number: int) -> int:
    outcomes = case(number)
    for one in outcomes:
        print(f"{one.about}: {one.verdict}{f': {one.detail}' if one.detail else ''}")
    return int(any(one.verdict == VIOLATION for one in outcomes))


def _campaign(cases: dict[str, Case], arguments: argparse.Namespace) -> int:
    tallies = {kind: Tally(kind, arguments.seed) for kind in arguments.kind or LONG}
    tally.load(arguments.out, tallies.values())
    begun = saved = time.monotonic()
    spent = dict.fromkeys(tallies, 0.0)
    while True:
        now = time.monotonic()
        left = [kind for kind, one in tallies.items() if not _is_enough(one, arguments)]
        if not left or (not (arguments.long or arguments.cases) and now - begun >= arguments.seconds):
            break
        kind = min(left, key=lambda one: spent[one] / _SHARES[one])
        one = tallies[kind]
        outcomes = cases[kind](one.cases)
        one.add(one.cases, outcomes)
        one.cases += BATCH if kind == "logs" else 1
        took = time.monotonic() - now
        one.seconds, spent[kind] = one.seconds + took, spent[kind] + took
        for outcome in outcomes:
            if outcome.verdict == VIOLATION:
                print(f"{kind}, case {one.cases - 1}: {outcome.about}: {outcome.detail}", file=sys.stderr, flush=True)
        if arguments.out is not None and now - saved > _SAVE_SECONDS:
            tally.save(arguments.out, tallies.values(), _facts())
            saved = now
    if arguments.out is not None:
        tally.save(arguments.out, tallies.values(), _facts())
    print(tally.table({kind: one.as_dict() for kind, one in tallies.items()}))
    return int(any(one.violations for one in tallies.values()))


def _is_enough(one: Tally, arguments: argparse.Namespace) -> bool:
    if arguments.cases is not None:
        return one.cases >= arguments.cases * (BATCH if one.kind == "logs" else 1)
    return arguments.long and one.faults >= LONG[one.kind]


def _facts() -> dict[str, Any]:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, cwd=Path(__file__).parent)
    return {
        "command": "python benchmarks/faults/faults.py --long --out benchmarks/results/faults.json",
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.release()}, {os.cpu_count()} processors",
    }


if __name__ == "__main__":
    sys.exit(main())
