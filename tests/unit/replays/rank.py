"""One of two processes that train one model together under a guard; see test_ranks.py.

python rank.py RANK RENDEZVOUS
"""

import hashlib
import json
import sys

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import newllm
from newllm.replays.guard.guarded import Guarded, guard

STEPS, FIRST, SIZE = 45, 30, 16


def main(rank: int, rendezvous: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)

    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it)
        model = DistributedDataParallel(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)))
        return model, torch.optim.Adam(model.parameters(), lr=0.01)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        points = torch.randn(SIZE, 4, generator=torch.Generator().manual_seed(2 * step + rank))
        return points, points[:, :3].argmax(1)

    def half_wrong(step: int) -> tuple[Tensor, Tensor]:
        """Wrong on the second process alone."""
        points, targets = batch(step)
        return (10 * points, (targets + 1) % 3) if rank == 1 and FIRST <= step < FIRST + 8 else (points, targets)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    healthy = newllm.Loop(build, batch, loss, STEPS)
    fast = newllm.Loop(build, batch, loss, STEPS, rate=lambda step: 0.01 if step < FIRST else 2.0)
    runs = {
        "plain": guard(healthy, "off"),
        "healthy": guard(healthy),
        "half wrong": guard(newllm.Loop(build, half_wrong, loss, STEPS)),
        "mended": guard(fast),
    }
    print(json.dumps({name: told(one) for name, one in runs.items()}))
    dist.destroy_process_group()


def told(guarded: Guarded) -> dict[str, object]:
    weights = b"".join(value.numpy().tobytes() for value in guarded.model.state_dict().values())
    recoveries = [{**one.as_dict(), "seconds": 0, "tried": len(one.tried)} for one in guarded.recoveries]
    return {"weights": hashlib.sha256(weights).hexdigest(), "loss": guarded.loss, "recoveries": recoveries}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
