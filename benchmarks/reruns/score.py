"""What does `newllm replay` show of recordings whose cause somebody else planted?

    python benchmarks/reruns/score.py --out DIR [--only NAME ...] [--budget SECONDS]

Runs each program of cases/ once, so that it is recorded (what stands in DIR already is not run again), lets
`newllm.rerun` run it again with one thing changed, and holds the cause that it names against labels.toml, whose author
had read neither newllm nor its documentation. Right is the planted cause named; "none" where the label is one of
those that no change can show; anything else named is wrong. A cause that is not named is missed.
"""

import argparse
import os
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import newllm
from newllm.errors import UserError

HERE = Path(__file__).parent
NAMED = {
    "hold-learning-rate": "rate", "hold-weight-decay": "setting", "hold-momentum": "setting", "keep-state": "state",
    "given": "given", "skip-not-finite": "not-finite",
}  # fmt: skip
NO_CAUSE = ("none", "unseeded")


def recorded(name: str, out: Path) -> Path:
    """The recording of a program, which is made where it is not there."""
    place = out / name
    run = place / "runs" / name
    if not (run / "recording.json").is_file():
        place.mkdir(parents=True, exist_ok=True)
        (place / "train.py").write_text((HERE / "cases" / f"{name}.py").read_text())
        subprocess.run([sys.executable, "train.py"], cwd=place, check=True, stdout=subprocess.DEVNULL, timeout=600)
    return run


def shown(run: Path, budget: float) -> tuple[str | None, str]:
    """The cause that is named, as labels call it, and what else was said."""
    try:
        found = newllm.rerun(run, budget=budget)
    except UserError as error:
        return None, str(error).rpartition(": ")[2]
    cause = None if found.cause_name is None else NAMED[found.cause_name]
    one = [one.first for one in found.remedies if one.name == "skip-one-update"]
    if cause is None and one:
        cause = "one-update"
    outcomes = ", ".join(
        f"{'as it was' if one.change is None else one.change.name}: {one.outcome}" for one in found.trials
    )
    return cause, f"rise at {found.rise.first}; {outcomes}"


def verdict(label: str, cause: str | None) -> str:
    """right, wrong or missed."""
    if label in NO_CAUSE:
        return "right" if cause is None else "wrong"
    return "missed" if cause is None else "right" if cause == label else "wrong"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--budget", type=float, default=300.0, metavar="SECONDS", help="of each replay")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["PYTHONPATH"] = str(Path(newllm.__file__).parents[1])
    counted = Counter[str]()
    print("| program | planted | at step | named | | |\n|---|---|---|---|---|---|")
    for name, label in tomllib.loads((HERE / "labels.toml").read_text()).items():
        if given.only and name not in given.only:
            continue
        cause, more = shown(recorded(name, given.out), given.budget)
        counted[said := verdict(label["cause"], cause)] += 1
        print(f"| {name} | {label['cause']} | {label['step']} | {cause} | {said} | {more} |", flush=True)
    print(dict(counted))
    return 1 if counted["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
