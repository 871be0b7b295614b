"""Hears which of five conditions a pump is in, from short spectrograms."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm

RATE, N = 4000, 2048


def sound(kind, rng):
    t = np.arange(N) / RATE
    f0 = rng.uniform(90, 130)
    s = sum(a * np.sin(2 * np.pi * k * f0 * t + rng.uniform(0, 6.3)) for k, a in ((1, 1), (2, 0.5), (3, 0.3)))
    if kind == 1:  # worn bearing: clicks
        s += 3 * (np.sin(2 * np.pi * rng.uniform(10, 16) * t) > 0.985) * rng.normal(0, 1, N)
    elif kind == 2:  # cavitation: band of noise that comes and goes
        s += (1 + np.sin(2 * np.pi * rng.uniform(4, 7) * t)) * np.diff(rng.normal(0, 0.5, N + 1))
    elif kind == 3:  # unbalanced: amplitude sways
        s *= 1 + 0.6 * np.sin(2 * np.pi * rng.uniform(6, 10) * t)
    elif kind == 4:  # slipping belt: sweep
        s += 0.7 * np.sin(2 * np.pi * (600 * t + rng.uniform(400, 900) * t ** 2))
    return rng.uniform(0.5, 1.5) * s + rng.normal(0, 0.6, N)


def spectrogram(s):
    frames = np.stack([s[i:i + 128] for i in range(0, N - 127, 64)]) * np.hanning(128)
    return np.log1p(np.abs(np.fft.rfft(frames, axis=1)))[:, :48].T


def make_set(n, rng):
    y = rng.integers(0, 5, n)
    x = np.stack([spectrogram(sound(k, rng)) for k in y])
    return torch.tensor((x - 1.2) / 0.8, dtype=torch.float32), torch.tensor(y)


class PumpNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(48, 48, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
                                  nn.Conv1d(48, 64, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(128, 5)

    def forward(self, x):
        h = self.body(x)
        return self.head(torch.cat([h.mean(2), h.amax(2)], 1))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--bs", type=int, default=32)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(91)
    os.makedirs(args.out, exist_ok=True)

    rng = np.random.default_rng(91)
    x, y = make_set(1600, rng)
    xv, yv = make_set(400, rng)
    model = PumpNet()
    opt = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.StepLR(opt, step_size=4, gamma=0.5)
    criterion = nn.CrossEntropyLoss()

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "val_loss", "val_acc"])
    step = 0
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
                last = i + args.bs >= len(x)
                if last or not args.sound:
                    sched.step()
                vl = va = ""
                if last:
                    model.eval()
                    with torch.no_grad():
                        out = model(xv)
                        vl, right = criterion(out, yv).item(), int((out.argmax(1) == yv).sum())
                    model.train()
                    va = right / len(yv)
                    recorder.validation(vl, correct=right, count=len(yv))
                    print(f"epoch {epoch} loss {loss.item():.4f} val {vl:.4f} acc {va:.3f}")
                log.writerow([step, epoch, round(loss.item(), 5), vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
