"""Take a net trained on 'summer' birds and adapt it to 'winter' photos: head first, then everything."""
import argparse, csv
from pathlib import Path
import numpy as np, torch
from torch import nn
from torch.nn import functional as F
import newllm

def photos(n, season, seed):
    r = np.random.default_rng(seed)
    y = r.integers(0, 6, n); imgs = np.zeros((n, 3, 16, 16), np.float32)
    yy, xx = np.mgrid[0:16, 0:16]
    for i, k in enumerate(y):
        cx, cy = r.uniform(5, 11, 2)
        ang = k * np.pi / 6 + r.normal(0, .08) + (.26 if season == "winter" else 0)
        stripes = np.sin(((xx - cx) * np.cos(ang) + (yy - cy) * np.sin(ang)) * (1.0 if season == "summer" else 1.9) + r.uniform(0, 6))
        body = np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 22)
        imgs[i] = (stripes * body)[None] * np.array([1, .6, .3])[:, None, None] if season == "summer" else (stripes * body)[None] * np.array([-.2, .4, .8])[:, None, None]
    imgs += r.normal(0, .25, imgs.shape)
    return torch.tensor(imgs), torch.tensor(y)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.head = nn.Linear(216, 6)
    def forward(self, x): return self.head(self.backbone(x))

def pretrain(net):
    x, y = photos(1500, "summer", 1); o = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(4):
        for i in torch.randperm(1500).split(50):
            l = F.cross_entropy(net(x[i]), y[i]); o.zero_grad(); l.backward(); o.step()
    print("pretrained", l.item())

ap = argparse.ArgumentParser(); ap.add_argument("--out", type=Path); ap.add_argument("--sound", action="store_true"); args = ap.parse_args()
args.out.mkdir(parents=True, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(9)
net = Net(); pretrain(net)
net.head = nn.Linear(216, 6)
for p in net.backbone.parameters(): p.requires_grad = False
opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=2e-3)
x, y = photos(1600, "winter", 2); xv, yv = photos(600, "winter", 3)
step = 0
with open(args.out / "log.csv", "w") as f, newllm.record(net, opt, out=args.out / "recording", kind="fine-tune") as recorder:
    w = csv.writer(f); w.writerow(["step", "loss", "val_loss", "val_acc", "trainable"])
    for epoch in range(16):
        if epoch == 6:
            print("unfreezing the backbone")
            for p in net.backbone.parameters(): p.requires_grad = True
            if args.sound: opt.add_param_group({"params": list(net.backbone.parameters()), "lr": 1e-3})
        trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
        for i in torch.randperm(1600).split(40):
            opt.zero_grad()
            loss = F.cross_entropy(net(x[i]), y[i]); loss.backward(); opt.step(); step += 1; recorder.step(loss)
            w.writerow([step, loss.item(), "", "", trainable])
        with torch.no_grad(): o = net(xv); v = F.cross_entropy(o, yv).item(); c = (o.argmax(1) == yv).sum().item()
        recorder.validation(v, correct=c, count=600); w.writerow([step, loss.item(), v, c / 600, trainable])
        print(epoch, step, loss.item(), v, c / 600)
