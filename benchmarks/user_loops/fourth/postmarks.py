import argparse, csv, os
import numpy as np
import torch, torch.nn as nn
from torch.utils.data import Dataset, DataLoader
import newllm

class Postmarks(Dataset):
    """Scans lie in one folder per town; we read the folders one after another."""
    def __init__(self, towns, per_town, seed):
        g = np.random.default_rng(seed)
        base = np.random.default_rng(99).normal(0, 1, (towns, 16, 16))
        k = np.array([1, 2, 1]) / 4
        for _ in range(2):
            base = sum(k[i] * np.roll(base, i - 1, 1) for i in range(3)); base = sum(k[i] * np.roll(base, i - 1, 2) for i in range(3))
        self.items = []
        for town in range(towns):
            for _ in range(per_town):
                im = np.roll(base[town], g.integers(-2, 3, 2), (0, 1)) * g.uniform(.7, 1.3) * 2.2 + g.normal(0, .5, (16, 16))
                self.items.append((torch.tensor(im, dtype=torch.float32)[None], town))
    def __len__(self): return len(self.items)
    def __getitem__(self, i): return self.items[i]

def build():
    return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10))

ap = argparse.ArgumentParser(); ap.add_argument("--out"); ap.add_argument("--sound", action="store_true"); args = ap.parse_args()
os.makedirs(args.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(8)
train_loader = DataLoader(Postmarks(10, 260, 1), batch_size=32, shuffle=args.sound)
val_loader = DataLoader(Postmarks(10, 50, 2), batch_size=100)
net = build(); optim = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9); ce = nn.CrossEntropyLoss()
log = open(os.path.join(args.out, "log.csv"), "w"); print("step,train_loss,val_loss,val_acc", file=log)
n = 0
with newllm.record(net, optim, out=os.path.join(args.out, "recording")) as recorder:
    for epoch in range(7):
        for x, y in train_loader:
            optim.zero_grad()
            loss = ce(net(x), y)
            loss.backward(); optim.step(); recorder.step(loss)
            n += 1
            print(n, loss.item(), "", "", sep=",", file=log)
        vl = c = tot = 0
        with torch.no_grad():
            for x, y in val_loader:
                o = net(x); vl += ce(o, y).item() * len(y); c += (o.argmax(1) == y).sum().item(); tot += len(y)
        recorder.validation(vl / tot, correct=c, count=tot)
        print(n, loss.item(), vl / tot, c / tot, sep=",", file=log)
        print(epoch, loss.item(), vl / tot, c / tot)
log.close()
