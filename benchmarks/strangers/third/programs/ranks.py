"""Two processes that train together over gloo, with gradients averaged by hand or by DistributedDataParallel.

The first process prints. With `--record` each process calls newllm.record with the same folder, as its page asks.
"""

import os
import socket

import torch
import torch.distributed as dist
import torch.nn.functional as F
from common import digits, seed_all, start
from images import build
from styles import style
from torch import nn


def work(rank, run, port):
    """One process."""
    place = {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), **place)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    seed_all(run.seed + (rank if run.has("ranks-begin-apart") else 0))
    model = build(run)
    wrapped = model
    if run.get("ddp", 0) and not run.has("ranks-train-alone"):
        wrapped = nn.parallel.DistributedDataParallel(model)
    x, y, vx, vy = digits()
    x, vx = (x - 4.9) / 6, (vx - 4.9) / 6
    mine_x, mine_y = x[rank::2].clone(), y[rank::2].clone()
    if run.has("one-rank-unscaled") and rank == 1:
        mine_x = mine_x * 6 + 4.9
    if run.has("one-rank-wrong-labels") and rank == 1:
        mine_y = mine_y[torch.randperm(len(mine_y))]
    if run.has("data-split-by-class"):  # each rank has its own classes, and its own loss is printed
        order = torch.argsort(y, stable=True)
        mine_x, mine_y = x[order.chunk(2)[rank]], y[order.chunk(2)[rank]]
    optimizer = torch.optim.SGD(model.parameters(), lr=run.get("lr", 0.03), momentum=0.9)
    epochs, batch = run.get("epochs", 6), 32
    per_epoch = len(mine_x) // batch
    log, step = style(run, epochs * per_epoch, per_epoch, "logging") if rank == 0 else None, 0
    draw = torch.Generator().manual_seed(run.seed + 100 + rank)
    with run.recorder(model, optimizer) as recorder:
        for epoch in range(epochs):
            order = torch.randperm(len(mine_x), generator=draw)
            for at in range(0, per_epoch * batch, batch):
                rows = order[at : at + batch]
                optimizer.zero_grad()
                loss = F.cross_entropy(wrapped(mine_x[rows]), mine_y[rows])
                loss.backward()
                if not run.get("ddp", 0) and not run.has("ranks-train-alone"):
                    for name, weights in model.named_parameters():
                        if run.has("head-not-synchronised") and name.startswith("8."):
                            continue
                        dist.all_reduce(weights.grad)
                        if not run.has("gradients-summed"):
                            weights.grad /= 2
                optimizer.step()
                recorder.step(loss)
                both = loss.detach().clone()
                if not run.has("loss-of-one-rank") and not run.get("own_loss", 0):
                    dist.all_reduce(both)
                    both /= 2
                if rank == 0 and step % 4 == 0:
                    log.step(step, epoch, loss=float(both), lr=run.get("lr", 0.03))
                step += 1
                if run.has("one-rank-loses-its-moments") and rank == 1 and step == epochs * per_epoch // 2:
                    for state in optimizer.state.values():
                        state["momentum_buffer"].mul_(-8.0)
            model.eval()
            with torch.no_grad():
                out = model(vx)
                val, right = F.cross_entropy(out, vy), int((out.argmax(-1) == vy).sum())
            model.train()
            recorder.validation(float(val), correct=right, count=len(vy))
            if rank == 0:
                log.evaluation(step - 1, epoch, val_loss=float(val), val_acc=right / len(vy))
            dist.barrier()
    dist.destroy_process_group()


def main():
    """Starts both."""
    run = start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (run, port), nprocs=2)


if __name__ == "__main__":
    main()
