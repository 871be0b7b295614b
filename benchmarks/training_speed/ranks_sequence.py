"""What does a rank hold of rows that several ranks share, beside one process that holds them whole?

    python benchmarks/training_speed/ranks_sequence.py [--quick] [--window N] [--ranks N] [--out FILE]

Trainings of preset small, one row of the bundled novel an update, one thread a process (gloo), one after another: one
process with rows of a quarter of the window, one with whole rows, and as many ranks as asked for that share them, by
either `numerics.handover`. Of each: megabytes that a process holds for itself at most (`RssAnon` of Linux, looked at
every two milliseconds), seconds of an update (the median; the first compiles), and the loss of the last update, which
must be the same but for rounding where rows are equally long.

One machine shows what a rank holds. It cannot show what many machines gain.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give

STEPS = 4
SETTINGS = ("data.batch=1", "training.evaluate_tokens=1", f"training.evaluate_every={STEPS}", "model.dropout=0")
FIXED = ("numerics.precision=fp32", "numerics.threads=1", "training.ring_every=1000")
PROGRAM = """
import json, re, sys, threading, time
from pathlib import Path
from newllm.cli.main import main
from newllm.training.step import Stepper

held, seconds, losses, do = [0.0], [], [], Stepper.update

def watch():
    while True:
        kilobytes = int(re.search(r"RssAnon:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
        held[0] = max(held[0], kilobytes / 1024)
        time.sleep(0.002)

def updated(stepper, step):
    began = time.perf_counter()
    report = do(stepper, step)
    seconds.append(time.perf_counter() - began)
    losses.append(report.loss)
    return report

Stepper.update = updated
threading.Thread(target=watch, daemon=True).start()
code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(json.dumps([held[0], seconds, losses]))
sys.exit(code)
"""


def train(ranks: int, window: int, handover: str, width: int, folder: Path) -> dict[str, float]:
    """Train, and return what it cost."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launched = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    asked = ["train", "--preset", "small", "--width", str(width), "--steps", str(STEPS), "--device", "cpu", "--quiet"]
    asked += ["--set", "model.ngram_rows=0"]  # as what was measured before the presets had tables
    own = (f"data.window={window}", f"parallel.sequence={ranks}", f"numerics.handover={handover}")
    asked += [word for setting in (*SETTINGS, *FIXED, *own) for word in ("--set", setting)]
    processes = []
    for rank in range(ranks):
        command = [sys.executable, "-c", PROGRAM, str(folder / f"rank-{rank}"), *asked, "--out", str(folder / "run")]
        environment = {**os.environ, **launched, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        processes.append(subprocess.Popen(command, env=environment))
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"a training by {ranks} ranks failed")
    each = [json.loads((folder / f"rank-{rank}").read_bytes()) for rank in range(ranks)]
    return {
        "MB of a rank": max(held for held, _, _ in each),
        "update, s": statistics.median(each[0][1][1:]),
        "loss": each[0][2][-1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short rows of a narrow model")
    parser.add_argument("--window", type=int, default=8192, metavar="N", help="positions of a row")
    parser.add_argument("--ranks", type=int, default=2, metavar="N")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()
    window, width = (512, 64) if arguments.quick else (arguments.window, 256)
    kinds = (
        (1, window // 4, "serial"),
        (1, window, "serial"),
        (arguments.ranks, window, "serial"),
        (arguments.ranks, window, "parallel"),
    )
    rows, losses = [], []
    for ranks, positions, handover in kinds:
        with tempfile.TemporaryDirectory() as folder:
            found = train(ranks, positions, handover, width, Path(folder))
        rows.append({"ranks": ranks, "positions": positions, "handover": handover, **found})
        numbers = "  ".join(f"{name} {value:,.4f}" for name, value in found.items())
        print(f"{ranks} ranks, {positions:6,} positions, {handover:8}  {numbers}", flush=True)
        losses.append(found["loss"])
    if max(losses[1:]) - min(losses[1:]) > 1e-4 * min(losses):
        raise SystemExit(f"the losses are not the same: {losses}")
    give({"machine": machine.describe(), "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
