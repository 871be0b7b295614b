"""Classifies drawn floor tiles with a small residual network, in bfloat16 autocast."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def tile(kind, rng, s=20):
    yy, xx = np.mgrid[0:s, 0:s].astype(np.float64)
    cx, cy = s / 2 + rng.uniform(-2, 2, 2)
    u, v, w = xx - cx, yy - cy, rng.uniform(3, 4.5)
    img = [lambda: (u + v) // w % 2, lambda: u // w % 2, lambda: v // w % 2, lambda: (u // w + v // w) % 2,
           lambda: np.hypot(u, v) // w % 2, lambda: np.maximum(abs(u), abs(v)) // w % 2,
           lambda: (np.arctan2(v, u) // (np.pi / 4)) % 2][kind]()
    rgb = img[None] * rng.uniform(0.3, 1, (3, 1, 1)) + (1 - img[None]) * rng.uniform(0, 0.6, (3, 1, 1))
    return rgb + rng.normal(0, 0.15, (3, s, s))


def make_set(n, rng):
    y = rng.integers(0, 7, n)
    return torch.tensor(np.stack([tile(k, rng) for k in y]), dtype=torch.float32) - 0.45, torch.tensor(y)


class Block(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.a, self.b = nn.Conv2d(w, w, 3, padding=1, bias=False), nn.Conv2d(w, w, 3, padding=1, bias=False)
        self.na, self.nb = nn.BatchNorm2d(w), nn.BatchNorm2d(w)

    def forward(self, x):
        return F.relu(x + self.nb(self.b(F.relu(self.na(self.a(x))))))


class TileNet(nn.Module):
    def __init__(self, w=20):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, w, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU())
        self.one, self.two = Block(w), Block(w)
        self.head = nn.Linear(w * 4, 7)

    def forward(self, x):
        h = self.two(F.max_pool2d(self.one(self.stem(x)), 2))
        return self.head(F.adaptive_avg_pool2d(h, 2).flatten(1))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--bs", type=int, default=32)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(201)
    os.makedirs(args.out, exist_ok=True)

    rng = np.random.default_rng(201)
    x, y = make_set(2240, rng)
    xv, yv = make_set(500, rng)
    model = TileNet()
    opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 0.08, total_steps=args.epochs * (len(x) // args.bs))
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "lr", "val_loss", "val_acc"])
    step = 0
    with newllm.record(model, opt, out=os.path.join(args.out, "recording"), config=args) as recorder:
        for epoch in range(args.epochs):
            model.train()
            perm = torch.randperm(len(x))
            for i in range(0, len(x) - args.bs + 1, args.bs):
                idx = perm[i:i + args.bs]
                batch = x[idx]
                if torch.rand(()) < 0.5:
                    batch = batch + 0.05 * torch.randn(len(batch), 3, 1, 1)
                opt.zero_grad()
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    loss = criterion(model(batch), y[idx])
                loss.backward()
                opt.step()
                sched.step()
                recorder.step(loss)
                step += 1
                vl = va = ""
                if step % 35 == 0:
                    model.eval()
                    with torch.no_grad():
                        out = model(xv)
                        vl, right = criterion(out, yv).item(), int((out.argmax(1) == yv).sum())
                    model.train()
                    va = right / len(yv)
                    recorder.validation(vl, correct=right, count=len(yv))
                    print(f"step {step} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
                log.writerow([step, epoch, round(loss.item(), 5), sched.get_last_lr()[0], vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
