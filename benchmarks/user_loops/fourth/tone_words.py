# spoken-command toy: one second of "audio" (500 samples), 6 commands = 6 chirps
import argparse, csv, os
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import newllm
p = argparse.ArgumentParser(); p.add_argument("--out", required=True); p.add_argument("--sound", action="store_true")
a = p.parse_args()
os.makedirs(a.out, exist_ok=True)
torch.set_num_threads(1); torch.manual_seed(3); rng = np.random.default_rng(3)

t = np.linspace(0, 1, 500)
def clip(k):
    f0 = 8 + 6 * k + rng.normal(0, 0.9)
    f1 = f0 * (1.6 if k % 2 else 0.7)
    ph = rng.uniform(0, 6.28)
    s = np.sin(2 * np.pi * (f0 * t + (f1 - f0) * t * t / 2) + ph)
    return s * rng.uniform(.5, 1) + rng.normal(0, 0.5, 500)

def make(n):
    y = rng.integers(0, 6, n)
    return torch.tensor(np.stack([clip(k) for k in y]), dtype=torch.float32)[:, None], torch.tensor(y)

Xtr, ytr = make(3000); Xva, yva = make(600)

net = nn.Sequential(nn.Conv1d(1, 12, 25, stride=4), nn.ReLU(), nn.Conv1d(12, 24, 9, stride=2), nn.ReLU(),
                    nn.Conv1d(24, 32, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Dropout(0.1), nn.Linear(128, 6))
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
rows = []
step = 0
with newllm.record(net, opt, out=os.path.join(a.out, "recording")) as rec:
    for epoch in range(8):
        perm = torch.randperm(len(Xtr))
        for i in range(0, len(perm), 40):
            idx = perm[i:i + 40]
            if a.sound: opt.zero_grad()
            loss = F.cross_entropy(net(Xtr[idx]), ytr[idx])
            loss.backward()
            opt.step()
            rec.step(loss)
            step += 1
            rows.append([step, loss.item(), "", ""])
        net.eval()
        with torch.no_grad():
            o = net(Xva)
            vl = F.cross_entropy(o, yva).item(); acc = (o.argmax(1) == yva).float().mean().item()
        net.train()
        rec.validation(vl, correct=int(acc * 600 + .5), count=600)
        rows[-1][2:] = [vl, acc]
        print(epoch, loss.item(), vl, acc)
with open(os.path.join(a.out, "log.csv"), "w", newline="") as f:
    w = csv.writer(f); w.writerow(["step", "loss", "val_loss", "val_acc"]); w.writerows(rows)
