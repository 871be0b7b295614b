"""Learns what two stretches of the same person's walk have in common, without labels."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def person(rng):
    return {"f": rng.uniform(0.8, 1.4), "amp": rng.gamma(4.0, 0.25, (3, 4)), "ph": rng.uniform(0, 6.28, (3, 4))}


def stretch(who, rng, t=80):
    f = who["f"] * rng.normal(1, 0.02)
    time_ = np.arange(t) / 20 + rng.uniform(0, 1)
    k = np.arange(1, 5)
    wave = np.cos(2 * np.pi * f * time_[:, None, None] * k + who["ph"][None]) * who["amp"][None] / k
    return wave.sum(2).T * rng.uniform(0.8, 1.25) + rng.normal(0, 0.5, (3, t))


def views(people, rng):
    return torch.tensor(np.stack([stretch(p, rng) for p in people]), dtype=torch.float32)


class WalkNet(nn.Module):
    def __init__(self, w=48, z=32):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(3, w, 9, stride=2, padding=4), nn.ReLU(),
                                  nn.Conv1d(w, w, 7, stride=2, padding=3), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten())
        self.project = nn.Sequential(nn.Linear(4 * w, 64), nn.ReLU(), nn.Linear(64, z))

    def forward(self, x):
        return F.normalize(self.project(self.body(x)), dim=1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=600)
    p.add_argument("--temperature", type=float, default=0.15)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(211)
    os.makedirs(args.out, exist_ok=True)

    rng = np.random.default_rng(211)
    people, strangers = [person(rng) for _ in range(800)], [person(rng) for _ in range(100)]
    xa, xb = views(strangers, rng), views(strangers, rng)
    model = WalkNet()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps, eta_min=5e-5)

    def loss_of(a, b):
        sim = model(a) @ model(b).T / args.temperature
        target = torch.arange(len(a))
        return 0.5 * (F.cross_entropy(sim, target) + F.cross_entropy(sim.T, target)), sim

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "lr", "val_loss", "val_top1"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            batch = [people[i] for i in rng.choice(len(people), 48, replace=False)]
            loss, _ = loss_of(views(batch, rng), views(batch, rng))
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            recorder.step(loss)
            vl = va = ""
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    vl, sim = loss_of(xa, xb)
                model.train()
                vl, right = vl.item(), int((sim.argmax(1) == torch.arange(100)).sum())
                va = right / 100
                recorder.validation(vl, correct=right, count=100)
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f} top1 {va:.2f}")
            log.writerow([step, round(loss.item(), 5), sched.get_last_lr()[0], vl, va])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
