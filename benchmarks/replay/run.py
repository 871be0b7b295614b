"""How often is the first cause of a verdict the injected one, and how often is a wrong cause called necessary?

    python benchmarks/replay/run.py [--split report|tuning] [--budget 90] [--only NAME ...] [--workers 2] [--out FILE]
    python benchmarks/replay/run.py --quick             # two short verdicts and a healthy run, to see that it works
    python benchmarks/replay/run.py --tables [--json]   # only the tables, from FILE

Replays every run of a split and adds one line of JSON a run to FILE; runs that stand there are not replayed again. Then
prints tables. What counts is said in README.md. Look at the report's runs once, when nothing is to be changed any more.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "shared"))

from judging import judged
from subjects import every_run
from verdict_lines import add_rows, rows_in
from verdict_scores import scores
from verdict_tables import markdown

RESULTS = Path(__file__).resolve().parent.parent / "results"
QUICK = ("label-noise-0", "rate-step-0", "healthy-0")  # of the tuning split
QUICK_BUDGET = 15.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("report", "tuning"), default="report", help="which kinds")
    parser.add_argument("--budget", type=float, default=90.0, help="seconds of a verdict")
    parser.add_argument("--only", nargs="*", default=[], help="names of runs")
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    parser.add_argument("--out", type=Path, help="file of verdicts; results/replay-SPLIT.jsonl without it")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}, {QUICK_BUDGET:g} s each")
    parser.add_argument("--tables", action="store_true", help="replay nothing")
    parser.add_argument("--json", action="store_true", help="print the scores as JSON instead of tables")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        _go(arguments, Path(directory))


def _go(arguments: argparse.Namespace, scratch: Path) -> None:
    only, budget = (QUICK, QUICK_BUDGET) if arguments.quick else (arguments.only, arguments.budget)
    split = "tuning" if arguments.quick else arguments.split
    kept = scratch / "quick.jsonl" if arguments.quick else RESULTS / f"replay-{arguments.split}.jsonl"
    file = arguments.out or kept
    runs = [run for run in every_run(split) if not only or run.name in only]
    if not arguments.tables:
        names = [run.name for run in runs]
        add_rows(judged, names, file, budget, arguments.workers, lambda row: row["first"] or "none")
    rows = rows_in(file, budget)
    found = scores([rows[run.name] for run in runs if run.name in rows])
    print(json.dumps(found, indent=2) if arguments.json else markdown(found))


if __name__ == "__main__":
    main()
