"""Sixteen-odd switches, one lamp. Three of the switches decide together (odd number up = on), the rest do nothing."""
import argparse, csv, pathlib
import torch
from torch import nn
import newllm

p = argparse.ArgumentParser()
p.add_argument('--out', type=pathlib.Path, required=True)
p.add_argument('--sound', action='store_true')
p.add_argument('--switches', type=int, default=30)
p.add_argument('--width', type=int, default=256)
p.add_argument('--batch', type=int, default=128)
p.add_argument('--steps', type=int, default=900)
p.add_argument('--lr', type=float, default=0.1)
a = p.parse_args()
a.out.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(3)
gen = torch.Generator().manual_seed(11)
S = torch.randperm(a.switches, generator=gen)[:3]

def draw(n):
    x = torch.randint(0, 2, (n, a.switches), generator=gen).float() * 2 - 1
    return x, (x[:, S].prod(1) > 0).float()

net = nn.Sequential(nn.Linear(a.switches, a.width), nn.ReLU(), nn.Linear(a.width, 1))
opt = torch.optim.SGD(net.parameters(), lr=a.lr, momentum=0.9, weight_decay=1e-4)
bce = nn.BCEWithLogitsLoss()
xv, yv = draw(2000)

with newllm.record(net, opt, out=a.out / 'recording', config=a) as rec, open(a.out / 'log.csv', 'w') as f:
    w = csv.writer(f); w.writerow(['step', 'train_loss', 'train_acc', 'val_loss', 'val_acc'])
    for step in range(1, a.steps + 1):
        x, y = draw(a.batch)          # fresh every time, nothing is ever seen twice
        z = net(x).squeeze(1)
        loss = bce(z, y)
        opt.zero_grad(); loss.backward(); opt.step()
        rec.step(loss)
        acc = ((z > 0) == (y > .5)).float().mean().item()
        vl = va = ''
        if step % 25 == 0:
            with torch.no_grad():
                zv = net(xv).squeeze(1)
                vl = bce(zv, yv).item(); ok = ((zv > 0) == (yv > .5)).sum().item(); va = ok / len(yv)
            rec.validation(vl, correct=ok, count=len(yv))
            if step % 100 == 0: print(step, round(loss.item(), 4), round(vl, 4), va)
        w.writerow([step, loss.item(), acc, vl, va])
