"""The report's runs one after another, the first of every kind before any second, by the processor's seconds.

    python benchmarks/replay/in_turn.py --minutes 40 [--budget 60] [--out FILE]

For a machine that others use: a verdict has as many seconds of the processor as `run.py` gives it of a quiet core, and
no busy neighbour takes any away. What does not fit into the minutes (of the clock on the wall) is left out, seeds
before kinds; the same command goes on. `run.py --tables --out FILE` prints the tables.
"""

import time

time.monotonic = time.perf_counter = time.process_time  # before newllm takes them

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from collections import Counter  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402

from judging import judged  # noqa: E402
from subjects import every_run  # noqa: E402

RESULTS = Path(__file__).resolve().parent.parent / "results"


def in_turn() -> list[str]:
    """Return the names of the report's runs: healthy ones, the first of every kind, the second ones, and so on."""
    seen: Counter[str] = Counter()
    places = {}
    for run in every_run("report"):
        places[run.name] = 0 if run.healthy else seen[run.kind]
        seen[run.kind] += 1
    healthy_first = [run for run in reversed(every_run("report")) if run.healthy] + every_run("report")
    return sorted(dict.fromkeys(run.name for run in healthy_first), key=places.__getitem__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, required=True, help="after which no run begins")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of the processor for a verdict")
    parser.add_argument("--out", type=Path, default=RESULTS / "replay-in-turn.jsonl", help="file of verdicts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    end = time.time() + 60 * arguments.minutes
    lines = arguments.out.read_text(encoding="utf-8").splitlines() if arguments.out.exists() else []
    known = {json.loads(line)["name"] for line in lines}
    for name in in_turn():
        if name not in known and time.time() < end:
            row = judged(name, arguments.budget)
            with arguments.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")
            print(f"{name}: {row['first'] or 'none'}, {row['seconds']:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
