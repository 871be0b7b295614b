"""A restricted Boltzmann machine on bars and stripes, by persistent chains."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

SIDE, HIDDEN, CHAINS = 4, 32, 128


def stripes(n, g):
    """Pictures whose rows or whose columns are each all black or all white, with some dirt."""
    line = torch.randint(0, 2, (n, SIDE), generator=g).float()
    rows = line[:, :, None].expand(n, SIDE, SIDE)
    columns = line[:, None, :].expand(n, SIDE, SIDE)
    across = (torch.rand(n, 1, 1, generator=g) < 0.5).float()
    x = (across * rows + (1 - across) * columns).reshape(n, -1)
    dirt = (torch.rand(x.shape, generator=g) < 0.07).float()
    return x * (1 - dirt) + (1 - x) * dirt


class Machine(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(0.05 * torch.randn(HIDDEN, SIDE**2))
        self.seen = nn.Parameter(torch.zeros(SIDE**2))
        self.hidden = nn.Parameter(torch.zeros(HIDDEN))

    def forward(self, v):
        """Free energy."""
        return -v @ self.seen - nn.functional.softplus(v @ self.weight.T + self.hidden).sum(1)

    @torch.no_grad()
    def walk(self, v, steps, g):
        for _ in range(steps):
            h = torch.bernoulli(torch.sigmoid(v @ self.weight.T + self.hidden), generator=g)
            v = torch.bernoulli(torch.sigmoid(h @ self.weight + self.seen), generator=g)
        return v

    @torch.no_grad()
    def log_likelihood(self, data):
        """Exact, since there are only 65,536 pictures."""
        numbers = torch.arange(2 ** (SIDE**2))[:, None] >> torch.arange(SIDE**2)[None] & 1
        partition = torch.logsumexp(-self(numbers.float()), 0)
        return (-self(data) - partition).mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(71)
    g = torch.Generator().manual_seed(71)
    machine = Machine()
    optimizer = torch.optim.SGD(machine.parameters(), lr=0.5)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=900)
    chains = torch.randint(0, 2, (CHAINS, SIDE**2), generator=g).float()
    test = stripes(2000, g)
    log = []
    with newllm.record(machine, optimizer, args.out / "recording") as recorder:
        for step in range(900):
            data = stripes(CHAINS, g)
            chains = machine.walk(chains, 10, g)
            loss = machine(data).mean() - machine(chains).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            decay.step()
            recorder.step(loss)
            entry = {"step": step, "free_energy_gap": loss.item()}
            if step % 100 == 99:
                entry["log_likelihood"] = machine.log_likelihood(test)
                recorder.metrics({"log_likelihood": entry["log_likelihood"]})
                print(entry)
            log.append(entry)
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.DictWriter(f, ["step", "free_energy_gap", "log_likelihood"])
        w.writeheader()
        w.writerows(log)


if __name__ == "__main__":
    main()
