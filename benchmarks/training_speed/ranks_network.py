"""How much goes from machine to machine in an update, by ddp, fsdp and hsdp?

    python benchmarks/training_speed/ranks_network.py [--quick] [--width N] [--ranks N] [--out FILE]

Two network namespaces with a cable between them stand for two machines, with N ranks each (gloo, one thread a rank);
the cable counts. Printed are bytes a parameter and update, each way, of updates in which no layers are measured and
nothing is evaluated or saved. They do not depend on the speed of the machine, nor on its load. Linux, as root.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give

MODES = ("ddp", "fsdp", "hsdp")
FIRST, LAST = 10, 19  # updates behind which bytes are counted: every tenth measures layers
SETTINGS = (
    "model.ngram_rows=0",
    "data.window=16",
    "training.steps=500",
    "training.evaluate_tokens=64",
    "training.evaluate_every=500",
)
FIXED = ("numerics.precision=fp32", "numerics.threads=1", "training.snapshot_every=500", "training.ring_every=500")
PROGRAM = f"""
import json, os, sys
from pathlib import Path
from newllm.cli.main import main
from newllm.training.step import Stepper

update, counted = Stepper.update, []

def updated(stepper, step):
    report = update(stepper, step)
    if report.step in ({FIRST}, {LAST}):
        line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if "cable" in line)
        numbers = line.partition(":")[2].split()
        counted.append((int(numbers[0]), int(numbers[8])))
    if report.step == {LAST}:
        parameters = sum(one.numel() for one in stepper.model.parameters())
        Path(sys.argv[1]).write_text(json.dumps([parameters, *counted]))
        os._exit(0)
    return report

Stepper.update = updated
main(sys.argv[2:])
"""


@contextmanager
def machines() -> Iterator[tuple[str, str]]:
    """Yield the names of two network namespaces with a cable between them, 10.78.0.1 and 10.78.0.2."""
    names = (f"newllm-a-{os.getpid()}", f"newllm-b-{os.getpid()}")

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    try:
        for name in names:
            ip("netns", "add", name)
        ends = [("cable", "netns", name) for name in names]
        ip("link", "add", *ends[0], "type", "veth", "peer", "name", *ends[1])
        for number, name in enumerate(names, 1):
            ip("-n", name, "addr", "add", f"10.78.0.{number}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False)


def counted(mode: str, width: int, each: int, names: tuple[str, str], folder: Path) -> dict[str, float]:
    """Train, and return what went over the cable: bytes a parameter and update, from and to the first machine."""
    asked = ["train", "--preset", "small", "--width", str(width), "--device", "cpu", "--quiet", "--out", folder / "run"]
    for setting in (*SETTINGS, *FIXED, f"data.batch={2 * each}", f"parallel.mode={mode}"):
        asked += ["--set", setting]
    launched = {"WORLD_SIZE": str(2 * each), "MASTER_ADDR": "10.78.0.1", "MASTER_PORT": "29500"}
    launched |= {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "cable"}
    processes = []
    for rank in range(2 * each):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank % each), "GROUP_RANK": str(rank // each)}
        words = ["ip", "netns", "exec", names[rank // each], sys.executable, "-c", PROGRAM, folder / f"rank-{rank}"]
        command = [str(word) for word in (*words, *asked)]
        processes.append(subprocess.Popen(command, env={**os.environ, **launched, **own}))
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"a training by {mode} failed")
    parameters, before, after = json.loads((folder / "rank-0").read_bytes())
    per = parameters * (LAST - FIRST)
    return {"received": (after[0] - before[0]) / per, "sent": (after[1] - before[1]) / per, "parameters": parameters}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small model")
    parser.add_argument("--width", type=int, default=256, metavar="N", help="of the model, preset small otherwise")
    parser.add_argument("--ranks", type=int, default=2, metavar="N", help="of each machine")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()
    rows = []
    with machines() as names:
        for mode in MODES:
            with tempfile.TemporaryDirectory() as folder:
                width = 64 if arguments.quick else arguments.width
                found = counted(mode, width, arguments.ranks, names, Path(folder))
            rows.append({"mode": mode, **found})
            print(f"{mode:5} sent {found['sent']:.2f}  received {found['received']:.2f} bytes a parameter", flush=True)
    give({"machine": machine.describe(), "ranks": 2 * arguments.ranks, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
