"""Solubility of made-up molecules: message passing on small graphs (12 atoms at most). The queue of the cluster kills a job after 420 updates; the next one goes on."""
import argparse
import math
import os

import torch
import torch.nn as nn

import newllm

TOTAL, WARM, KILLED = 640, 40, 420


def molecules(n, seed):
    g = torch.Generator().manual_seed(seed)
    size = torch.randint(6, 13, (n,), generator=g)
    here = (torch.arange(12) < size[:, None]).float()
    kind = torch.randint(0, 5, (n, 12), generator=g)
    a = torch.zeros(n, 12, 12)
    for i in range(1, 12):
        to = (torch.rand(n, generator=g) * i).long()
        a[torch.arange(n), i, to] = 1
    ring = torch.rand(n, generator=g) < 0.5
    a[ring, 5, 0] = 1
    a = ((a + a.transpose(1, 2)) > 0).float() * here[:, :, None] * here[:, None, :]
    polar = torch.tensor([0.0, 1.0, -0.6, 0.4, -1.2])[kind] * here
    near = (a @ polar[..., None]).squeeze(-1)
    far = (a @ near[..., None]).squeeze(-1)
    y = (polar * near).sum(1) * 0.5 + torch.tanh(far).sum(1) * 0.4 + 0.8 * ring
    y = (y - 0.0) / 2.0 + 0.15 * torch.randn(n, generator=g)
    return kind, a, here, y


class MPNN(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.atom = nn.Embedding(5, d)
        self.message = nn.ModuleList([nn.Linear(2 * d, d) for _ in range(3)])
        self.read = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 1))

    def forward(self, kind, a, here):
        h = self.atom(kind)
        for m in self.message:
            h = h + torch.relu(m(torch.cat([h, a @ h], -1)))
        return (self.read(h).squeeze(-1) * here).sum(1)


def rate(step):
    if step < WARM:
        return (step + 1) / WARM
    return 0.5 * (1 + math.cos(math.pi * (step - WARM) / (TOTAL - WARM)))


def job(args, first, last, train, test, log):
    model = MPNN()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    path = os.path.join(args.out, "job.pt")
    if first:
        state = torch.load(path)
        model.load_state_dict(state["model"])
        if args.sound:
            optimizer.load_state_dict(state["optimizer"])
            scheduler.load_state_dict(state["scheduler"])
    g = torch.Generator().manual_seed(100 + first)
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording"), resumed_at=first or None) as recorder:
        for step in range(first + 1, last + 1):
            i = torch.randint(0, len(train[0]), (32,), generator=g)
            kind, a, here, y = (t[i] for t in train)
            loss = nn.functional.mse_loss(model(kind, a, here), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            recorder.step(loss)
            val = ""
            if step % 40 == 0:
                with torch.no_grad():
                    val = nn.functional.mse_loss(model(*test[:3]), test[3]).item()
                recorder.validation(val)
                print(step, loss.item(), val)
            log.write(f"{step},{loss.item()},{val}\n")
        recorder.flush()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "step": last}, path)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(6)
    train, test = molecules(6000, 1), molecules(1000, 2)
    with open(os.path.join(args.out, "log.csv"), "w") as log:
        log.write("step,loss,test_loss\n")
        job(args, 0, KILLED, train, test, log)
        job(args, KILLED, TOTAL, train, test, log)
