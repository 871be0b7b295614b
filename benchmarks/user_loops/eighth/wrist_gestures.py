"""Recognises eight gestures from a wrist sensor, with few people to learn from."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm


def gesture(kind, rng, t=64):
    s = np.linspace(0, 1, t) ** rng.uniform(0.7, 1.4)
    f, ph = 1 + kind % 4, rng.uniform(-0.5, 0.5)
    turn = 1 if kind < 4 else -1
    x = np.sin(2 * np.pi * f * s + ph)
    y = turn * np.cos(2 * np.pi * f * s + ph)
    z = np.sin(np.pi * s * (1 + kind % 3))
    m = np.stack([x, y, z]) * rng.uniform(0.5, 1.5, (3, 1))
    q, _ = np.linalg.qr(np.eye(3) + rng.normal(0, 0.35, (3, 3)))
    q *= np.sign(np.diag(q))
    drift = np.cumsum(rng.normal(0, 0.12, (3, t)), 1)
    return q @ m + drift + rng.normal(0, 0.9, (3, t))


def make_set(n, rng):
    y = rng.integers(0, 8, n)
    return torch.tensor(np.stack([gesture(k, rng) for k in y]), dtype=torch.float32), torch.tensor(y)


class GestureNet(nn.Module):
    def __init__(self, w=48):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(3, w, 7, padding=3), nn.BatchNorm1d(w), nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(0.3),
            nn.Conv1d(w, w, 5, padding=2), nn.BatchNorm1d(w), nn.ReLU(), nn.MaxPool1d(4), nn.Dropout(0.3))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(w * 8, 96), nn.ReLU(), nn.Dropout(0.5), nn.Linear(96, 8))

    def forward(self, x):
        return self.head(self.body(x))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=60)
    p.add_argument("--bs", type=int, default=32)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(121)
    os.makedirs(args.out, exist_ok=True)

    rng = np.random.default_rng(121)
    x, y = make_set(320, rng)
    xv, yv = make_set(800, rng)
    model = GestureNet()
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    criterion = nn.CrossEntropyLoss()

    def evaluate():
        model.eval()
        with torch.no_grad():
            out = model(xv)
        if args.sound:
            model.train()
        return criterion(out, yv).item(), int((out.argmax(1) == yv).sum())

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "val_loss", "val_acc"])
    step = 0
    model.train()
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(args.epochs):
            perm = torch.randperm(len(x))
            for i in range(0, len(x), args.bs):
                idx = perm[i:i + args.bs]
                opt.zero_grad()
                loss = criterion(model(x[idx]), y[idx])
                loss.backward()
                opt.step()
                recorder.step(loss)
                step += 1
                vl = va = ""
                if step % 50 == 0:
                    vl, right = evaluate()
                    va = right / len(yv)
                    recorder.validation(vl, correct=right, count=len(yv))
                    print(f"step {step} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
                log.writerow([step, epoch, round(loss.item(), 5), vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
