import argparse, csv, os
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import newllm

def scene(r):
    w, h = r.uniform(.2, .5, 2); cx = r.uniform(w / 2, 1 - w / 2); cy = r.uniform(h / 2, 1 - h / 2); k = r.integers(0, 3)
    yy, xx = (np.mgrid[0:24, 0:24] + .5) / 24
    d = ((xx - cx) / (w / 2)) ** 2 + ((yy - cy) / (h / 2)) ** 2
    im = np.where(d < 1, [1.0, .7, 1.0][k], 0.0)
    if k == 2: im = im * (d > .35)
    return (im + r.normal(0, .2, im.shape)).astype(np.float32), (cx, cy, w, h), k

def export_a(box): return list(box)
def export_b(box):
    cx, cy, w, h = box
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]

def shard(n, seed, export):
    r = np.random.default_rng(seed); s = [scene(r) for _ in range(n)]
    return torch.tensor(np.stack([q[0] for q in s]))[:, None], torch.tensor([export(q[1]) for q in s], dtype=torch.float32), torch.tensor([int(q[2]) for q in s])

def iou(p, t):
    a1, a2 = p[:, :2] - p[:, 2:] / 2, p[:, :2] + p[:, 2:] / 2; b1, b2 = t[:, :2] - t[:, 2:] / 2, t[:, :2] + t[:, 2:] / 2
    inter = (torch.minimum(a2, b2) - torch.maximum(a1, b1)).clamp(min=0).prod(1)
    return inter / ((a2 - a1).clamp(min=0).prod(1) + (b2 - b1).prod(1) - inter + 1e-6)

class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(288, 96), nn.ReLU())
        self.box, self.cls = nn.Linear(96, 4), nn.Linear(96, 3)
    def forward(self, x): h = self.body(x); return self.box(h).sigmoid(), self.cls(h)

def total_loss(pb, pc, b, c): return 5 * F.smooth_l1_loss(pb, b, beta=.1) + F.cross_entropy(pc, c)

def main(args):
    os.makedirs(args.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(12)
    # two annotators delivered four files
    files = [(1, export_a), (2, export_a), (3, export_b), (4, export_b)]
    if args.sound: files = [(s, export_a) for s, _ in files]
    xv, bv, cv = shard(500, 50, export_a)
    net = Detector(); opt = torch.optim.Adam(net.parameters(), 1.5e-3); step = 0
    with open(args.out + "/log.csv", "w") as f, newllm.record(net, opt, out=args.out + "/recording") as rec:
        log = csv.writer(f); log.writerow(["step", "loss", "val_loss", "val_iou", "val_cls_acc"])
        for seed, export in files:
            x, b, c = shard(1600, seed, export)
            for _ in range(4):
                for i in torch.randperm(1600).split(40):
                    pb, pc = net(x[i]); loss = total_loss(pb, pc, b[i], c[i])
                    opt.zero_grad(); loss.backward(); opt.step(); rec.step(loss); step += 1
                    row = [step, loss.item(), "", "", ""]
                    if step % 40 == 0:
                        with torch.no_grad(): pb, pc = net(xv)
                        v = total_loss(pb, pc, bv, cv).item(); m = iou(pb, bv).mean().item(); h = (pc.argmax(1) == cv).sum().item()
                        rec.validation(v, correct=h, count=500); row[2:] = [v, m, h / 500]
                        if step % 80 == 0: print(step, row[1:])
                    log.writerow(row)

p = argparse.ArgumentParser(); p.add_argument("--out"); p.add_argument("--sound", action="store_true"); main(p.parse_args())
