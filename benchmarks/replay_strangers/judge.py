"""Is the cause that a replay names the injected one, in trainings of another author?

    python benchmarks/replay_strangers/judge.py --split open|held|all [--budget 150] [--workers 2] [--only NAME ...]
                                                [--out FILE] [--tables FILE]
    python benchmarks/replay_strangers/judge.py --quick   # one spike and one healthy loop, to see that it works

Replays each loop with `newllm.replay`, one thread a process, and adds one line of JSON a loop to FILE; loops that stand
there are not replayed again. A named cause is right if the label accepts it, else wrong; in a control any is wrong.
A `Loop` draws its first weights from streams of its own: where the loss then has no rise as the label's (`curves.py`),
the label does not hold, and the loop counts for nothing.
Look at the held split once, when nothing is to be changed any more.
"""

import argparse
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import newllm

sys.path.append(str(Path(__file__).resolve().parents[1] / "shared"))

from curves import greatest_rise
from loops import make
from newllm.replays.watcher import Watcher
from verdict_lines import add_rows, rows_in

HERE = Path(__file__).parent
QUICK = ("contrastive-empty-batches", "lstm-calm")


def labels() -> dict[str, dict[str, Any]]:
    """Return the label of each loop by its name."""
    with (HERE / "labels.toml").open("rb") as file:
        return {one["name"]: one for one in tomllib.load(file)["case"]}


def verdict_of(name: str, budget: float) -> dict[str, Any]:
    """Replay a loop and return what was said, as plain data."""
    began = time.perf_counter()
    try:
        verdict = newllm.replay(make(name), budget=budget, watcher=Watcher())
    except newllm.UserError as error:
        seconds = time.perf_counter() - began
        return {"name": name, "refused": str(error), "seconds": seconds, "budget": budget, "spikes": _spikes(name)}
    tried = [
        {
            "name": one.name, "class": one.effect_class, "stage": one.stage, "n": one.n, "spiked": one.spiked,
            "start": one.start, "dampening": one.dampening, "moved": one.moved, "seconds": round(one.seconds, 1),
        }
        for one in verdict.interventions
    ]  # fmt: skip
    return {
        "name": name,
        "cause": verdict.cause and verdict.cause["name"],
        "by": verdict.cause and verdict.cause["intervention"],
        "suspects": [one["name"] for one in verdict.suspects],
        "remedies": [one.name for one in verdict.interventions if one.is_remedy],
        "sentences": list(verdict.sentences),
        "onset": verdict.spike["onset"],
        "seconds": time.perf_counter() - began,
        "budget": budget,
        "tried": tried,
    }


def _spikes(name: str) -> bool:
    loop = make(name)
    replica = loop.start(loop.setup(0, 0, 0, 0), None)
    return greatest_rise([replica.update(step).loss for step in range(loop.steps)]).spikes


def _said(row: dict[str, Any]) -> str:
    return row.get("cause") or f"none, {row.get('suspects', ['refused'])[:1]}"


def outcome(row: dict[str, Any], label: dict[str, Any]) -> str:
    """Return what a verdict is worth: "right", "wrong", or what else it came to."""
    accepted = label["accepted"]
    if row.get("cause"):
        return "right" if row["cause"] in accepted else "wrong"
    if "refused" in row:
        if label["kind"] == "control-healthy":
            return "none, as it should be"
        return "refused: no spike is found" if row["spikes"] else "the label does not hold"
    first = row["suspects"][:1]
    if not accepted:
        return "none, as it should be"
    return "suspected first" if first and first[0] in accepted else "none"


def main() -> None:
    """Replay, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("open", "held", "all"), default="open")
    parser.add_argument("--budget", type=float, default=150.0, help="seconds of a verdict")
    parser.add_argument("--workers", type=int, default=2, help="loops at a time")
    parser.add_argument("--only", nargs="*", default=[], help="names of loops")
    parser.add_argument("--out", type=Path, help="file of verdicts")
    parser.add_argument("--quick", action="store_true", help=f"only {' and '.join(QUICK)}")
    parser.add_argument("--tables", type=Path, help="only the table, of this file")
    arguments = parser.parse_args()
    known = labels()
    if arguments.quick:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "quick.jsonl"
            add_rows(verdict_of, QUICK, file, arguments.budget, arguments.workers, _said)
            found = {name: outcome(row, known[name]) for name, row in rows_in(file).items()}
        print(found)
        sys.exit([found[name] for name in QUICK] != ["right", "none, as it should be"])
    names = [name for name, one in known.items() if arguments.split in ("all", one["split"])]
    names = [name for name in names if not arguments.only or name in arguments.only]
    file = arguments.tables or arguments.out or HERE.parent / "results" / f"replay-strangers-{arguments.split}.jsonl"
    if arguments.tables is None:
        add_rows(verdict_of, names, file, arguments.budget, arguments.workers, _said)
    print("| loop | kind | cause named | first suspect | remedies | outcome | seconds |\n|---|---|---|---|---|---|---|")
    counted: dict[str, int] = {}
    for name, row in rows_in(file).items():
        if name not in names:
            continue
        label = known[name]
        result = outcome(row, label)
        counted[result] = counted.get(result, 0) + 1
        suspects, remedies = row.get("suspects", []), row.get("remedies", [])
        cells = [name, label["kind"], row.get("cause") or "", (suspects or [""])[0], ", ".join(remedies), result]
        print(f"| {' | '.join(cells)} | {row['seconds']:.0f} |")
    print("\n" + ", ".join(f"{count} {name}" for name, count in sorted(counted.items())))


if __name__ == "__main__":
    main()
