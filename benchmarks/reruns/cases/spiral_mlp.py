"""Three-arm spiral, small MLP, SGD with momentum, cosine with warm restarts."""
import math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
import newllm

SEED = 3
UPDATES = 480
WARMUP = 40


def spiral(n, rng):
    k = rng.integers(0, 3, n)
    r = rng.uniform(0.1, 1.0, n)
    t = r * 4.0 + k * 2 * math.pi / 3
    x = np.stack([r * np.cos(t), r * np.sin(t)], 1) + rng.normal(0, 0.02, (n, 2))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(k)


def main():
    torch.manual_seed(SEED)
    x, y = spiral(3000, np.random.default_rng(SEED))
    loader = DataLoader(TensorDataset(x, y), batch_size=100, shuffle=True)
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    opt = torch.optim.SGD(model.parameters(), lr=1.2, momentum=0.9)
    peak = 0.15

    def rate(n):
        if n < WARMUP:
            return peak * (n + 1) / WARMUP
        cycle, t = divmod(n - WARMUP, 260)
        top = peak if cycle == 0 else opt.defaults["lr"]
        return top * 0.5 * (1 + math.cos(math.pi * t / 260))

    log = open("losses.txt", "w")
    n = 0
    with newllm.record(model, opt, out="runs/spiral_mlp") as recorder:
        while n < UPDATES:
            for xb, yb in loader:
                if n >= UPDATES:
                    break
                for g in opt.param_groups:
                    g["lr"] = rate(n)
                loss = nn.functional.cross_entropy(model(xb), yb)
                opt.zero_grad()
                loss.backward()
                opt.step()
                recorder.step(loss)
                n += 1
                log.write(f"{loss.item()!r}\n")
    log.close()


if __name__ == "__main__":
    main()
