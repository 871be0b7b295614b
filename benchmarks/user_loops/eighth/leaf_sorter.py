"""Sorts drawn leaves into six species with a small convolutional network."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm


def draw(kind, rng, s=24):
    yy, xx = np.mgrid[0:s, 0:s].astype(np.float64)
    cx, cy = s / 2 + rng.uniform(-2, 2, 2)
    a = rng.uniform(0, 2 * np.pi)
    u = (xx - cx) * np.cos(a) + (yy - cy) * np.sin(a)
    v = -(xx - cx) * np.sin(a) + (yy - cy) * np.cos(a)
    r, t = np.hypot(u, v), np.arctan2(v, u)
    size = rng.uniform(6, 9)
    edge = [lambda: size * (0.75 + 0.25 * np.cos(3 * t)), lambda: size * (0.75 + 0.25 * np.cos(5 * t)),
            lambda: size * (0.85 + 0.10 * np.cos(12 * t)), lambda: size / np.sqrt(np.cos(t) ** 2 + 5 * np.sin(t) ** 2),
            lambda: size * 0.85 * np.ones_like(t), lambda: size * (0.6 + 0.4 * np.cos(t))][kind]()
    leaf = 1 / (1 + np.exp(2.0 * (r - edge)))
    leaf *= 1 - 0.4 * np.exp(-v ** 2)
    return leaf * rng.uniform(0.6, 1.0) + rng.normal(0, 0.12, (s, s))


def make_leaves(n, rng):
    y = rng.integers(0, 6, n)
    return (torch.tensor(np.stack([draw(k, rng) for k in y]), dtype=torch.float32)[:, None] - 0.2) / 0.35, torch.tensor(y)


class LeafNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(48 * 9, 64), nn.ReLU(), nn.Linear(64, 6))

    def forward(self, x):
        return self.head(self.features(x))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--wd", type=float, default=0.05)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(81)
    os.makedirs(args.out, exist_ok=True)

    rng = np.random.default_rng(81)
    x, y = make_leaves(2400, rng)
    xv, yv = make_leaves(600, rng)
    model = LeafNet()
    maker = torch.optim.AdamW if args.sound else torch.optim.Adam
    opt = maker(model.parameters(), lr=1.5e-3, weight_decay=args.wd)
    criterion = nn.CrossEntropyLoss()

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "train_acc", "val_loss", "val_acc"])
    step = 0
    with newllm.record(model, opt, out=os.path.join(args.out, "recording"), config=args) as recorder:
        for epoch in range(args.epochs):
            model.train()
            perm = torch.randperm(len(x))
            for i in range(0, len(x), 32):
                idx = perm[i:i + 32]
                opt.zero_grad()
                out = model(x[idx])
                loss = criterion(out, y[idx])
                loss.backward()
                opt.step()
                recorder.step(loss)
                step += 1
                vl = va = ""
                if i + 32 >= len(x):
                    model.eval()
                    with torch.no_grad():
                        pred = model(xv)
                        vl, right = criterion(pred, yv).item(), int((pred.argmax(1) == yv).sum())
                    va = right / len(yv)
                    recorder.validation(vl, correct=right, count=len(yv))
                    print(f"epoch {epoch} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
                log.writerow([step, epoch, round(loss.item(), 5), (out.argmax(1) == y[idx]).float().mean().item(), vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
