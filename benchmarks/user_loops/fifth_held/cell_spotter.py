"""Cells under the microscope: centres by heat map (penalty-reduced focal loss), size and sub-pixel offset by L1."""
import argparse
import csv
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

S, R = 32, 2  # picture, output stride


def slides(n, seed):
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:S, 0:S]
    gy, gx = np.mgrid[0:S // R, 0:S // R]
    img = rng.normal(0, .15, (n, 1, S, S))
    hm, wh, off, mask = np.zeros((n, 1, 16, 16)), np.zeros((n, 1, 16, 16)), np.zeros((n, 2, 16, 16)), np.zeros((n, 1, 16, 16))
    for i in range(n):
        for _ in range(rng.integers(1, 5)):
            cy, cx = rng.uniform(3, S - 4, 2)
            rad = rng.uniform(1.5, 3.5)
            d = np.hypot(yy - cy, xx - cx)
            img[i, 0] += np.exp(-(d - rad) ** 2 / .8) * rng.uniform(.6, 1.1)
            py, px = int(cy / R), int(cx / R)
            hm[i, 0] = np.maximum(hm[i, 0], np.exp(-((gy - py) ** 2 + (gx - px) ** 2) / (2 * .7 ** 2)))
            wh[i, 0, py, px], mask[i, 0, py, px] = rad, 1
            off[i, :, py, px] = cy / R - py, cx / R - px
        for _ in range(3):  # debris
            cy, cx = rng.uniform(2, S - 3, 2)
            img[i, 0] += np.exp(-np.hypot(yy - cy, xx - cx) ** 2 / 2) * .7
    return [torch.tensor(a, dtype=torch.float32) for a in (img, hm, wh, off, mask)]


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        def c(i, o, s=1):
            return nn.Sequential(nn.Conv2d(i, o, 3, s, 1), nn.GroupNorm(4, o), nn.ReLU())
        self.backbone = nn.Sequential(c(1, 12), c(12, 24, 2), c(24, 24), c(24, 24))
        self.heads = nn.ModuleDict({"hm": nn.Conv2d(24, 1, 1), "wh": nn.Conv2d(24, 1, 1), "off": nn.Conv2d(24, 2, 1)})
        nn.init.constant_(self.heads["hm"].bias, -2.19)

    def forward(self, x):
        f = self.backbone(x)
        return {k: h(f) for k, h in self.heads.items()}


def neg_loss(logits, gt):
    pred = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    pos = gt.eq(1).float()
    pos_loss = torch.log(pred) * (1 - pred) ** 2 * pos
    neg_l = torch.log(1 - pred) * pred ** 2 * (1 - gt) ** 4 * (1 - pos)
    return -(pos_loss.sum() + neg_l.sum()) / pos.sum().clamp(min=1)


def losses(out, hm, wh, off, mask):
    n = mask.sum().clamp(min=1)
    return {"loss_hm": neg_loss(out["hm"], hm), "loss_wh": ((out["wh"] - wh).abs() * mask).sum() / n,
            "loss_off": ((out["off"] - off).abs() * mask).sum() / n}


WEIGHTS = {"loss_hm": 1.0, "loss_wh": 0.1, "loss_off": 1.0}


def f1(out, mask, thr=.3):
    p = out["hm"].sigmoid()
    peak = (F.max_pool2d(p, 3, 1, 1) == p) & (p > thr)
    near = F.max_pool2d(mask, 3, 1, 1) > 0
    tp = (peak & near).sum().item()
    hit = (F.max_pool2d(peak.float(), 3, 1, 1)[mask > 0] > 0).sum().item()
    prec, rec = tp / max(peak.sum().item(), 1), hit / mask.sum().item()
    return 2 * prec * rec / max(prec + rec, 1e-9)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(17)
    train, val = slides(2000, 1), slides(200, 2)
    model = Detector()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    lr_scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [350, 450], .1)
    it = 0
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
        w = csv.writer(f)
        w.writerow(["iter", "total_loss", "loss_hm", "loss_wh", "loss_off", "val_total_loss", "val_f1", "lr"])
        while it < 500:
            for idx in torch.randperm(2000).split(16):
                img, *gt = [t[idx] for t in train]
                loss_dict = losses(model(img), *gt)
                total = sum(WEIGHTS[k] * v for k, v in loss_dict.items())
                optimizer.zero_grad()
                total.backward()
                optimizer.step()
                lr_scheduler.step()
                recorder.step(total)
                it += 1
                vt = vf = ""
                if it % 50 == 0:
                    model.eval()
                    with torch.no_grad():
                        out = model(val[0])
                        vt = sum(WEIGHTS[k] * v for k, v in losses(out, *val[1:]).items()).item()
                        vf = f1(out, val[4])
                    model.train()
                    recorder.validation(vt)
                    print(it, f"{total.item():.3f} val {vt:.3f} f1 {vf:.3f}")
                w.writerow([it, total.item(), *(v.item() for v in loss_dict.values()), vt, vf, optimizer.param_groups[0]["lr"]])
                if it == 500:
                    break


main()
