import argparse, csv, os
import numpy as np, torch, torch.nn as nn
from torch.utils.data import Dataset, DataLoader
import newllm

class ReefFish(Dataset):
    def __init__(self, n, seed, augment):
        r = np.random.default_rng(seed); self.augment = augment
        self.y = r.integers(0, 5, n); self.x = np.zeros((n, 3, 20, 20), np.float32); yy, xx = np.mgrid[0:20, 0:20]
        hue = np.array([[1, .5, .1], [.2, .6, 1], [1, .9, .2], [.6, .2, .8], [.9, .6, .3]])
        for i, k in enumerate(self.y):
            cx, cy = r.uniform(7, 13, 2); a, b = 6 + r.normal(0, .5), [2.2, 3, 2.2, 3.4, 2.6][k]
            body = (((xx - cx) / a) ** 2 + ((yy - cy) / b) ** 2 < 1).astype(float)
            stripe = .6 + .4 * np.sin(xx * [.5, .9, 1.3, .5, 1.3][k] + r.uniform(0, 6))
            self.x[i] = (body * stripe)[None] * (hue[k] + r.normal(0, .25, 3))[:, None, None] + r.normal(0, .25, (3, 20, 20))
    def __len__(self): return len(self.y)
    def __getitem__(self, i):
        x = torch.from_numpy(self.x[i])
        if self.augment and torch.rand(()) < .5: x = x.flip(-1)
        return x, int(self.y[i])

def block(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--out"); ap.add_argument("--sound", action="store_true"); args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(100)
    tl = DataLoader(ReefFish(2400, 1, True), 48, shuffle=True, drop_last=True); vl = DataLoader(ReefFish(500, 2, False), 250)
    net = nn.Sequential(block(3, 12), block(12, 24), nn.Flatten(), nn.Dropout(.2), nn.Linear(600, 5))
    epochs = 8; opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=.01)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=epochs * len(tl)); ce = nn.CrossEntropyLoss(); step = 0
    with open(args.out + "/log.csv", "w") as f, newllm.record(net, opt, out=args.out + "/recording", config=args) as recorder:
        w = csv.writer(f); w.writerow(["step", "loss", "lr", "val_loss", "val_acc"])
        for e in range(epochs):
            net.train()
            for x, y in tl:
                opt.zero_grad(); loss = ce(net(x), y); loss.backward(); opt.step(); recorder.step(loss); step += 1
                w.writerow([step, loss.item(), sched.get_last_lr()[0], "", ""]); sched.step()
            net.eval(); s = c = n = 0
            with torch.no_grad():
                for x, y in vl: o = net(x); s += ce(o, y).item() * len(y); c += (o.argmax(1) == y).sum().item(); n += len(y)
            recorder.validation(s / n, correct=c, count=n); w.writerow([step, loss.item(), "", s / n, c / n]); print(e, step, loss.item(), s / n, c / n)
main()
