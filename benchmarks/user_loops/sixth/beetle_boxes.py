"""Bark beetles on sticky traps: a 6 x 6 grid says where a beetle is and how large its box. Photographs come in the order of the season."""
import argparse
import csv
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm


class Season:
    """Photographs of the traps, 48 x 48, from June (many beetles) to November (few)."""

    def __init__(self, seed, steps):
        self.g = torch.Generator().manual_seed(seed)
        self.steps = steps

    def photographs(self, n, progress):
        g = self.g
        mean = 2.0 * (1 - progress) ** 1.5 + 0.25
        img = 0.3 * torch.randn(n, 1, 48, 48, generator=g)
        obj, box = torch.zeros(n, 6, 6), torch.zeros(n, 6, 6, 4)
        r = torch.arange(48)
        for b in range(n):
            for _ in range(int(torch.poisson(torch.tensor(mean), generator=g))):
                cx, cy = (torch.rand(2, generator=g) * 44 + 2).tolist()
                w, h = (torch.rand(2, generator=g) * 8 + 4).tolist()
                i, j = int(cy // 8), int(cx // 8)
                if obj[b, i, j]:
                    continue
                img[b, 0, ((r - cy).abs() < h / 2)[:, None] & ((r - cx).abs() < w / 2)] += 1
                obj[b, i, j] = 1
                box[b, i, j] = torch.tensor([cx / 8 - j, cy / 8 - i, w / 12, h / 12])
        return img, obj, box


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        c = [1, 16, 32, 48]
        self.body = nn.Sequential(*[m for a, b in zip(c, c[1:]) for m in
                                    (nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(4, b), nn.ReLU())])
        self.neck = nn.Sequential(nn.Conv2d(48, 48, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(48, 5, 1)
        nn.init.constant_(self.head.bias, -1.0)

    def forward(self, x):
        o = self.head(self.neck(self.body(x))).permute(0, 2, 3, 1)
        return o[..., 0], o[..., 1:]


class Criterion:
    def __init__(self, guard):
        self.guard = guard

    def __call__(self, out, obj, box):
        logit, pred = out
        l_obj = F.binary_cross_entropy_with_logits(logit, obj)
        n = obj.sum()
        if self.guard:
            n = n.clamp(min=1)
        l_box = (obj[..., None] * F.smooth_l1_loss(pred, box, reduction="none", beta=0.1)).sum() / n
        return l_obj + 0.5 * l_box, l_obj, l_box


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(14)
    steps = 500
    season, check = Season(1, steps), Season(2, steps).photographs(200, 0.5)
    net, crit = Detector(), Criterion(args.sound)
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f:
        log = csv.writer(f)
        log.writerow(["step", "loss", "loss_obj", "loss_box", "val_loss", "val_box"])
        with newllm.record(net, opt, out=os.path.join(args.out, "recording")) as rec:
            for step in range(1, steps + 1):
                x, obj, box = season.photographs(8, step / steps)
                loss, lo, lb = crit(net(x), obj, box)
                opt.zero_grad()
                loss.backward()
                opt.step()
                rec.step(loss)
                row = [step, loss.item(), lo.item(), lb.item(), "", ""]
                if step % 50 == 0:
                    with torch.no_grad():
                        v, _, vb = crit(net(check[0]), check[1], check[2])
                    rec.validation(v.item())
                    row[4:] = [v.item(), vb.item()]
                    print(row)
                log.writerow(row)


if __name__ == "__main__":
    main()
