"""What does a rank hold at its start, before anything is trained, of a model that is sharded (fsdp)?

    python benchmarks/training_speed/sharded_start.py [--quick] [--width N] [--before SRC] [--out FILE]

For 2, 3 and 4 ranks: a process is rank 0 of so many, of which no other is there (torch's "fake" process group), builds
its part of preset small at this width with its optimizer, and reads its part of a snapshot of one process. Of each: the
megabytes that the process holds for itself (`RssAnon` of Linux, looked at every millisecond) beyond what it held after
it had done the same with a tiny model, at most. Beside them 4P, the weights, and 16P/N, what a rank holds while it
trains: weights, gradients and two moments, shared out. With `--before` the same with the newllm in that folder.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give

PROGRAM = """
import contextlib, inspect, json, re, sys, threading, time
from pathlib import Path
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
from newllm.training.configure import configure
from newllm.training.optimizer import build_optimizer
from newllm.training.resolve import build_model
from newllm.training.sharded_snapshots import restore_shard
from newllm.training.sharding import shard
from newllm.training.snapshots import Progress, training_tensors, write_snapshot
from newllm.training.world import World

folder, width, ranks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(1)

def of(width):
    settings = ["model.vocabulary=4096", "parallel.mode=fsdp", "numerics.device=cpu", "numerics.scan_backend=chunked"]
    return configure("small", None, None, [*settings, "model.ngram_rows=0"], {}, width)

def own_megabytes():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

class Watch:
    def __enter__(self):
        self.before = self.most = own_megabytes()
        self.goes_on, self.thread = True, threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while self.goes_on:
            self.most = max(self.most, own_megabytes())
            time.sleep(0.001)

    def __exit__(self, *_):
        self.goes_on = False
        self.thread.join()

def build(config):
    world = World()
    world.size = ranks
    knows_world = "world" in inspect.signature(build_model).parameters  # else it builds the whole model
    model = build_model(config, world) if knows_world else build_model(config)
    copies = ()
    if "replicas" in inspect.signature(shard).parameters:  # else there is one copy always
        from newllm.training.replicas import Replicas
        copies = (Replicas(ranks, 600.0),)
    shard(model, lambda _: contextlib.nullcontext(), *copies)
    return model, build_optimizer(model, config.optimizer)

def write(config):
    model = build_model(config)
    optimizer = build_optimizer(model, config.optimizer)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    write_snapshot(folder / str(config.model.width), training_tensors(model, optimizer, None), Progress(step=1))

if ranks == 1:
    for one in (32, width):
        write(of(one))
    sys.exit()
dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=ranks)
restore_shard(next((folder / "32").glob("step-*")), *build(of(32)), World())
with Watch() as building:
    model, optimizer = build(of(width))
with Watch() as reading:
    restore_shard(next((folder / str(width)).glob("step-*")), model, optimizer, World())
parameters = sum(one.numel() for one in model.parameters())
print(json.dumps({
    "parameters": parameters, "ranks": ranks,
    "built, MB": round(building.most - building.before), "read, MB": round(reading.most - building.before),
    "4P, MB": round(4 * parameters / 2**20), "16P/N, MB": round(16 * parameters / ranks / 2**20),
}))
"""


def measure(source: Path | None, width: int, ranks: int, folder: Path) -> dict[str, float] | None:
    """Run the program, and return what it printed."""
    environment = {**os.environ, **({"PYTHONPATH": str(source)} if source else {})}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), str(width), str(ranks)]
    said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return json.loads(said) if said else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small model, two ranks")
    parser.add_argument("--width", type=int, default=1024, metavar="N", help="of the model, preset small otherwise")
    parser.add_argument("--before", type=Path, metavar="SRC", help="another version's folder src, to compare with")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()
    width, sizes = (256, (2,)) if arguments.quick else (arguments.width, (2, 3, 4))
    kinds = {"before": arguments.before.absolute()} if arguments.before else {}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        measure(None, width, 1, Path(folder))
        for ranks in sizes:
            for kind, source in {**kinds, "now": None}.items():
                rows.append({"newllm": kind, **(measure(source, width, ranks, Path(folder)) or {})})
                print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    give({"machine": machine.describe(), "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
