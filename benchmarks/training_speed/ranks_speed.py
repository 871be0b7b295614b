"""What do several processes of one machine train in a second, beside one process?

    python benchmarks/training_speed/ranks_speed.py [--quick] [--weak] [--rounds N] [--preset NAME] [--ranks N]
        [--device D] [--out FILE]

In each round, in turn: one process with one thread, one process with as many threads as there are ranks, and as many
processes with one thread each (gloo). Tokens a second of training, as summary.json says (evaluations are not in it):
the median of the rounds, and of each round's ratios to one process with as many threads and to one process with one
thread, both on the preset's batch. Beside it, what a training of ranks does besides computing: the seconds of sending
and adding, by difference to one process that computes all parts.

The preset's batch is cut into the parts of the ranks. "batch x N": a batch that is as many times as large, so that each
rank has one of the preset's size (weak scaling).

With `--device cuda` every process has a GPU of its own (not run yet). One machine shows what the processes cost, not
what many machines gain: docs/machines.md says what is sent.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from newllm.training.presets import preset as preset_of

STEPS = {"tiny": 40, "small": 12}
PRESETS = tuple(STEPS)
ROUNDS = 3
ALONE = "one process, one thread"


def train(preset: str, out: Path, ranks: int, threads: int, *more: str) -> float:
    """Train with so many processes, and return the tokens that they trained on in a second."""
    launch = ["torch.distributed.run", f"--nproc-per-node={ranks}", "-m"] if ranks > 1 else []
    asked = ["train", "--preset", preset, "--set", "model.ngram_rows=0", "--out", str(out), "--quiet", *more]
    settings = {"training.evaluate_tokens": 4096, "numerics.precision": "fp32", "numerics.threads": threads}
    asked += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", *launch, "newllm", *asked]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return json.loads((out / "summary.json").read_bytes())["tokens_per_second"]


def measured(preset: str, ranks: int, rounds: int, *asked: str, weak: bool = False) -> dict[str, list[float]]:
    """Return the tokens a second of every kind of training, round by round."""
    larger = "--set", f"data.batch={ranks * preset_of(preset).data.batch}"
    kinds = {
        ALONE: (1, 1, ()),
        f"one process, {ranks} threads": (1, ranks, ()),
        f"one process, one thread, the parts of {ranks} ranks": (1, 1, ("--set", f"numerics.ranks=[[0, {ranks}]]")),
        f"{ranks} processes, one thread each": (ranks, 1, ()),
        f"one process, one thread, batch x {ranks}": (1, 1, larger),
        f"one process, {ranks} threads, batch x {ranks}": (1, ranks, larger),
        f"{ranks} processes, one thread each, batch x {ranks}": (ranks, 1, larger),
    }
    if weak:
        kinds = {
            name: kind
            for name, kind in kinds.items()
            if name in (ALONE, f"one process, {ranks} threads") or larger in kind
        }
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (processes, threads, more) in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                found[name].append(train(preset, Path(folder) / "run", processes, threads, *asked, *more))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of few steps of preset tiny")
    parser.add_argument("--weak", action="store_true", help="without the rows of one batch that is cut")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--ranks", type=int, default=2, metavar="N")
    parser.add_argument("--preset", choices=PRESETS, help="this one alone")
    parser.add_argument("--device", default="cpu", metavar="D")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()
    rows = []
    presets = [arguments.preset] if arguments.preset else PRESETS[:1] if arguments.quick else PRESETS
    for preset in presets:
        rounds, steps = (1, 10) if arguments.quick else (ROUNDS, STEPS[preset])
        asked = "--steps", str(steps), "--set", f"training.evaluate_every={steps}", "--device", arguments.device
        found = measured(preset, arguments.ranks, arguments.rounds or rounds, *asked, weak=arguments.weak)
        bases = found[f"one process, {arguments.ranks} threads"], found[ALONE]
        for name, values in found.items():
            ratio, scaled = (
                statistics.median(value / other for value, other in zip(values, base, strict=True)) for base in bases
            )
            numbers = {"tokens/s": statistics.median(values), "ratio": ratio, "to one thread": scaled}
            rows.append({"preset": preset, "trained by": name, **numbers})
            shown = f"{numbers['tokens/s']:9,.0f} tokens/s  {ratio:.2f}  {scaled:.2f}"
            print(f"{preset:6}  {name:50}  {shown}", flush=True)
    give({"machine": machine.describe(), "load": os.getloadavg()[0], "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
