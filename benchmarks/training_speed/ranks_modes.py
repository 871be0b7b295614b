"""What does each mode of several processes train in a second, here or on several machines, and are the losses the same?

    torchrun --nproc-per-node 2 benchmarks/training_speed/ranks_modes.py [--quick] [--device D] [--runs DIR] ...
    torchrun --nnodes 2 --node-rank 0 --master-addr HOST --nproc-per-node 8 benchmarks/training_speed/ranks_modes.py

Every mode trains the same model on the same batches, one after another: `ddp`, `fsdp`, `hsdp` (a copy a machine; on one
machine two copies, from four ranks on), and rows that the ranks of a machine share (`serial`, `parallel`). The first
three must come to the same losses to the bit, the others to rounding. On GPUs also the most memory that rank 0 held.
Runs go below DIR, which all machines must share, and are deleted. Not run yet: GPUs, NCCL, several machines.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import torch

import newllm
from newllm.trace import read_trace

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give

FIXED = ("numerics.precision=fp32", "training.evaluate_tokens=1024", "model.dropout=0")
ROUNDING = 1e-4  # of a loss; the compiled rule `gated` rounds otherwise where ranks scan at once


def modes(ranks: int, here: int) -> dict[str, list[str]]:
    """Return the settings of each mode for so many ranks, `here` of them on each machine."""
    shard = here if here < ranks else ranks // 2
    found = {"ddp": ["parallel.mode=ddp"], "fsdp": ["parallel.mode=fsdp"]}
    if shard > 1 and ranks % shard == 0:
        found["hsdp"] = ["parallel.mode=hsdp", f"parallel.shard={shard}"]
    for handover in ("serial", "parallel"):
        found[f"shared rows, {handover}"] = [f"parallel.sequence={here}", f"numerics.handover={handover}"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few steps of preset tiny")
    parser.add_argument("--device", default="cpu", metavar="D")
    parser.add_argument("--runs", type=Path, default=Path("runs/ranks-modes"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()
    if "RANK" not in os.environ:
        raise SystemExit("start it with torchrun: torchrun --nproc-per-node 2 benchmarks/training_speed/ranks_modes.py")
    rank, ranks, here = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    preset, steps = ("tiny", 6) if arguments.quick else ("small", 20)
    fixed = [*FIXED, f"data.window={64 * here}", f"data.batch={2 * ranks}", f"training.evaluate_every={steps}"]
    rows, losses = [], {}
    asked = modes(ranks, here)
    if rank == 0 and "hsdp" not in asked:
        print("hsdp is left out: with one rank a copy it is ddp, with one copy fsdp; it takes four ranks", flush=True)
    for mode, own in asked.items():
        if arguments.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        run = newllm.train(
            out=arguments.runs / mode.replace(", ", "-").replace(" ", "-"),
            preset=preset,
            device=arguments.device,
            budget=newllm.Budget(steps=steps),
            settings=[*fixed, *own],
        )
        if rank > 0:
            continue
        losses[mode] = read_trace(run.path / "trace.jsonl").signals["loss"].value.tolist()
        rows.append({"mode": mode, "tokens/s": run.summary.tokens_per_second, "loss": losses[mode][-1]})
        if arguments.device == "cuda":
            rows[-1]["MB"] = round(torch.cuda.max_memory_allocated() / 2**20)
        print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
        shutil.rmtree(run.path)
    if rank > 0:
        return
    for mode, found in losses.items():
        apart = max(abs(one / other - 1) for one, other in zip(found, losses["ddp"], strict=True))
        if apart > (ROUNDING if "rows" in mode else 0.0):
            raise SystemExit(f"the losses of {mode} differ from those of ddp by {apart:.1e} of themselves")
    give({"machine": machine.describe(), "ranks": ranks, "on each machine": here, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
