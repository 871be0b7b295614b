"""What does it cost to shard a model over the ranks of a machine (fsdp), beside ranks that hold all of it (ddp)?

    python benchmarks/training_speed/ranks_sharded.py [--quick] [--width N] [--rounds N] [--ranks N] [--before SRC]
        [--out FILE]

In each round, in turn: a training by `ddp` and one by `fsdp`, of the same model, one thread a rank (gloo); with
`--before` one more by `fsdp`, with the newllm in that folder. Of each: tokens a second, as summary.json says
(evaluations and snapshots are not in it), seconds of an update; how long the training waits for a snapshot (from the
end of an update to the next one's begin, less that of updates without one); how long all updates and snapshots took
together, to the last snapshot's end; and megabytes that a rank holds for itself while it trains (`RssAnon` of Linux,
the most that any rank held). Medians of the rounds. Their losses must be the same.

One machine shows what the processes cost, not what the network between several does.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give

MODES = ("ddp", "fsdp")
BEFORE = "fsdp before"
ROUNDS = 3
STEPS, EVERY = 12, 3
SETTINGS = ("data.batch=4", "data.window=64", "training.evaluate_tokens=512", f"training.snapshot_every={EVERY}")
FIXED = ("numerics.precision=fp32", "numerics.threads=1", "training.ring_every=1000")
PROGRAM = """
import json, sys, time
from pathlib import Path
from newllm.cli.main import main
from newllm.training import loop
from newllm.training.step import Stepper

times, do, end = [], Stepper.update, loop.Training._end

def updated(stepper, step):
    began = time.perf_counter()
    report = do(stepper, step)
    times.append((began, time.perf_counter()))
    return report

def ended(*arguments, **options):
    end(*arguments, **options)
    times.append((time.perf_counter(), 0))

Stepper.update, loop.Training._end = updated, ended
code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(json.dumps(times))
sys.exit(code)
"""


def train(mode: str, source: Path | None, width: int, ranks: int, folder: Path) -> dict[str, float]:
    """Train, and return what it cost."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launched = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    asked = ["train", "--preset", "small", "--width", str(width), "--steps", str(STEPS), "--device", "cpu", "--quiet"]
    asked += ["--set", "model.ngram_rows=0"]  # as what was measured before the presets had tables
    settings = (*SETTINGS, *FIXED, f"training.evaluate_every={STEPS}", f"parallel.mode={mode}")
    asked += [word for setting in settings for word in ("--set", setting)]
    processes = []
    for rank in range(ranks):
        command = [sys.executable, "-c", PROGRAM, str(folder / f"rank-{rank}"), *asked, "--out", str(folder / "run")]
        environment = {**os.environ, **launched, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        environment |= {"PYTHONPATH": str(source)} if source else {}
        processes.append(subprocess.Popen(command, env=environment))
    held = [0.0] * ranks
    while any(process.poll() is None for process in processes):
        time.sleep(0.1)
        if (folder / "run/trace.jsonl").exists():  # the model is built, and what was needed for that is gone
            held = [max(most, own_megabytes(process.pid)) for most, process in zip(held, processes, strict=True)]
    if any(process.returncode for process in processes):
        raise SystemExit(f"a training by {mode} failed")
    summary = json.loads((folder / "run/summary.json").read_bytes())
    times = json.loads((folder / "rank-0").read_bytes())
    pauses = [times[step][0] - times[step - 1][1] for step in range(1, STEPS)]  # before the update after each step
    with_snapshot = [pause for step, pause in enumerate(pauses, 1) if step % EVERY == 0]
    without = [pause for step, pause in enumerate(pauses, 1) if step % EVERY]
    return {
        "parameters": summary["parameters"],
        "loss": summary["last_validation"]["loss"],
        "tokens/s": summary["tokens_per_second"],
        "update, s": summary["tokens"] / summary["tokens_per_second"] / STEPS,
        "waits for a snapshot, s": statistics.median(with_snapshot) - statistics.median(without),
        "in all, s": times[STEPS][0] - times[0][0],
        "MB of a rank": max(held),
    }


def own_megabytes(process: int) -> float:
    """Return how much memory a process holds for itself; 0 once it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of a small model")
    parser.add_argument("--width", type=int, default=1024, metavar="N", help="of the model, preset small otherwise")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    parser.add_argument("--ranks", type=int, default=2, metavar="N")
    parser.add_argument("--before", type=Path, metavar="SRC", help="another version's folder src, to compare with")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()
    width, rounds = (128, 1) if arguments.quick else (arguments.width, arguments.rounds)
    kinds: dict[str, Path | None] = dict.fromkeys(MODES)
    if arguments.before:
        kinds[BEFORE] = arguments.before.absolute()
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, source in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                mode = "fsdp" if kind == BEFORE else kind
                found[kind].append(train(mode, source, width, arguments.ranks, Path(folder)))
    losses = {one["loss"] for trained in found.values() for one in trained}
    if len(losses) > 1:
        raise SystemExit(f"the losses are not the same: {losses}")
    rows = [
        {"mode": mode, **{name: statistics.median(one[name] for one in trained) for name in trained[0]}}
        for mode, trained in found.items()
    ]
    for row in rows:
        numbers = "  ".join(f"{name} {value:,.3f}" for name, value in row.items() if isinstance(value, float | int))
        print(f"{row['mode']:11}  {numbers}", flush=True)
    give({"machine": machine.describe(), "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
