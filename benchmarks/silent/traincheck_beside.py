"""TrainCheck (Jiang et al., OSDI 2025) on the silent errors: found or not, after how many steps, at what price.

    python -m venv T && T/bin/pip install traincheck
    python benchmarks/silent/traincheck_beside.py --traincheck T/bin [--only NAME ...] [--steps N] [--out FILE]

As its guide says: `traincheck-collect` on the fixed program (its reference, which newllm does not need),
`traincheck-infer`, `traincheck-collect --invariants` on the program with the fault, `traincheck-check`. The fixed
program with another seed goes the same way: an invariant that it violates too says nothing about the fault. So a case
is found where an invariant is violated that its fixed twin keeps.

Every step is traced. Models are followed by its sampler: the programs hold theirs before a proxy could be put around
it. Cases that are held out, and those of two processes, are left out. Each program runs in a process of its own; the
cost is the median processor time of its steps, beside the same program alone and the same recorded by newllm.record.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "shared")]
LIMIT = 600  # seconds for one call

# The collector looks for the lines in which model and optimizer are made, and for a loop that calls a `step`.
PROGRAM = """\
import json
import sys
import time
sys.path.insert(0, {here!r})
import torch
from cases import CASES
torch.set_num_threads(1)
training = CASES[{name!r}].build({fixed}, {seed})
model = training.model
optimizer = dict([(model, training.optimizer)])[model]
seconds = []
for number in range({steps}):
    began = time.process_time()
    training.step(number)
    seconds.append(time.process_time() - began)
print("seconds", json.dumps(seconds))
"""
RECORDED = """\
import newllm
with newllm.record(training.model, training.optimizer, sys.argv[1], every=10) as recorder:
    for number in range({steps}):
        began = time.process_time()
        recorder.step(training.step(number))
        seconds.append(time.process_time() - began)
print("seconds", json.dumps(seconds))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traincheck", type=Path, required=True, metavar="DIR", help="where its commands are")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--out", type=Path, help="write the JSON there too, after each case")
    arguments = parser.parse_args()
    import machine
    from answers import give
    from cases import CASES

    version = [arguments.traincheck / "pip", "show", "traincheck"]
    lines = subprocess.run(version, capture_output=True, text=True, check=True).stdout.splitlines()
    about = {"question": "TrainCheck on silent errors", "machine": machine.describe(), "traincheck": lines[1]}
    whole = about = about | {"steps": arguments.steps}
    results: list[dict[str, Any]] = []
    chosen = [case for case in CASES.values() if case.processes == 1 and not case.held_out]
    for case in chosen:
        if arguments.only is not None and case.name not in arguments.only:
            continue
        with tempfile.TemporaryDirectory() as place:
            result = compared(case.name, arguments.steps, arguments.traincheck, Path(place))
        results.append(result | {"case": case.name, "wrong from": case.first_wrong_step})
        said = result.get("error") or f"{len(result['told'])} told, {result['in the fixed twin']} in the fixed twin"
        print(f"{case.name:36} {said}, step {result.get('step')}", file=sys.stderr, flush=True)
        whole = about | {"cases": len(results), "found": sum(bool(one["told"]) for one in results), "results": results}
        if arguments.out is not None:
            arguments.out.write_text(json.dumps(whole))
    give(whole, arguments.out)


def compared(name: str, steps: int, commands: Path, place: Path) -> dict[str, Any]:
    """Return what TrainCheck says of a case."""
    programs = {"reference": (True, 0), "target": (False, 0), "control": (True, 1)}
    for label, (fixed, seed) in programs.items():
        text = PROGRAM.format(here=str(HERE), name=name, fixed=fixed, seed=seed, steps=steps)
        (place / f"{label}.py").write_text(text)
    unrun = PROGRAM.format(here=str(HERE), name=name, fixed=True, seed=1, steps=0)
    (place / "recorded.py").write_text(unrun + RECORDED.format(steps=steps))
    began = time.monotonic()
    try:
        collected = _collect(commands, place, "reference")
        _run(commands, place, "traincheck-infer", "-f", "reference", "-o", "invariants.json")
        checked = {}
        for label in ("target", "control"):
            seconds = _collect(commands, place, label, "--invariants", "invariants.json")
            _run(commands, place, *("traincheck-check", "-f", label, "-i", "invariants.json", "-o", f"{label}-results"))
            checked[label] = seconds, _violations(place / f"{label}-results")
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return {"error": str(error)[-500:], "told": [], "in the fixed twin": None}
    spent = time.monotonic() - began
    (checking, violated), (_, of_the_twin) = checked["target"], checked["control"]
    told = {what: step for what, step in violated.items() if what not in of_the_twin}
    alone = _median(_seconds(_call([commands / "python", "control.py"], place)))
    ours = _seconds(_call([sys.executable, "recorded.py", str(place / "run")], place))
    alone_here = _median(_seconds(_call([sys.executable, "control.py"], place)))
    return {
        "told": sorted(told),
        "step": min(told.values(), default=None),
        "in the fixed twin": len(of_the_twin),
        "invariants": len((place / "invariants.json").read_text().splitlines()),
        "seconds": round(spent),
        "milliseconds a step": round(1e3 * alone, 2),
        "times a step": {
            "collecting": round(_median(collected) / alone, 1),
            "checking": round(_median(checking) / alone, 1),
            "newllm.record": round(_median(ours) / alone_here, 2),
        },
    }


def _collect(commands: Path, place: Path, label: str, *options: str) -> list[float]:
    model = ("--models-to-track", "model", "--model-tracker-style", "sampler")
    every = ("--sampling-interval", "1", "--output-dir", label)
    _run(commands, place, "traincheck-collect", "--pyscript", f"{label}.py", *model, *every, *options)
    return _seconds((place / label / "program_output.txt").read_text())


def _run(commands: Path, place: Path, command: str, *options: str) -> str:
    return _call([commands / command, *options], place)


def _call(command: list[Any], place: Path) -> str:
    environment = os.environ | {"PATH": f"{Path(command[0]).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(part) for part in command], cwd=place, capture_output=True, text=True, timeout=LIMIT, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: {done.stderr[-400:]}")
    return done.stdout


def _seconds(printed: str) -> list[float]:
    lines = [line for line in printed.splitlines() if line.startswith("seconds ")]
    if not lines:
        raise RuntimeError(f"the program did not end: {printed[-400:]}")
    return json.loads(lines[-1].removeprefix("seconds "))


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds[2:])


def _violations(results: Path) -> dict[str, int]:
    """Return the step at which each invariant was first violated."""
    found: dict[str, int] = {}
    for file in results.rglob("violations_summary.json"):
        for one in json.loads(file.read_text())["violations"]:
            step = -1 if one["first_step"] is None else int(one["first_step"])
            found[one["display_name"]] = min(step, found.get(one["display_name"], step))
    return found


if __name__ == "__main__":
    main()
