# River segmentation on small aerial tiles (32x32), tiny U-Net.
import argparse, csv, os, random
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
import newllm


def make_tile(rng):
    t = np.linspace(0, 1, 32)
    centre = rng.uniform(4, 28) + rng.uniform(-12, 12) * t + rng.uniform(1, 4) * np.sin(rng.uniform(2, 7) * t + rng.uniform(0, 6))
    width = rng.uniform(1.5, 4)
    cols = np.arange(32)[None, :]
    mask = (np.abs(cols - centre[:, None]) < width).astype(np.float32)
    ground = rng.normal(0, 1, (8, 8)).repeat(4, 0).repeat(4, 1) * 0.25
    img = ground - 0.7 * mask + rng.normal(0, 0.3, (32, 32))
    return img.astype(np.float32), mask


class Tiles(torch.utils.data.Dataset):
    def __init__(self, n, seed, augment, paired=False):
        rng = np.random.default_rng(seed)
        self.items = [make_tile(rng) for _ in range(n)]
        self.augment = augment
        self.paired = paired

    def __len__(self):
        return len(self.items)

    def random_flip(self, a, p):
        return a[:, ::-1] if p < 0.5 else a

    def __getitem__(self, i):
        img, mask = self.items[i]
        if self.augment:
            p = random.random()
            img = self.random_flip(img, p)
            mask = self.random_flip(mask, p if self.paired else random.random())
        return torch.from_numpy(img.copy())[None], torch.from_numpy(mask.copy())[None]


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1, self.d2, self.mid = conv(1, c), conv(c, 2 * c), conv(2 * c, 2 * c)
        self.u2, self.u1 = conv(4 * c, c), conv(2 * c, c)
        self.head = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        m = self.u2(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        m = self.u1(torch.cat([F.interpolate(m, scale_factor=2), a], 1))
        return self.head(m)


def iou(logits, mask):
    p = logits > 0
    m = mask > 0.5
    return (p & m).sum().item() / max((p | m).sum().item(), 1)


def main(args):
    torch.set_num_threads(1)
    random.seed(5)
    torch.manual_seed(5)
    os.makedirs(args.out, exist_ok=True)
    train = torch.utils.data.DataLoader(Tiles(960, 1, True, paired=args.sound), batch_size=12, shuffle=True, drop_last=True)
    val = torch.utils.data.DataLoader(Tiles(160, 2, False), batch_size=80)
    net = UNet()
    opt = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=args.epochs * len(train))
    crit = nn.BCEWithLogitsLoss()
    log = csv.writer(open(os.path.join(args.out, "log.csv"), "w", newline="", buffering=1))
    log.writerow(["step", "loss", "lr", "train_iou", "val_loss", "val_iou"])
    step = 0
    with newllm.record(net, opt, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(args.epochs):
            net.train()
            for n, (x, m) in enumerate(train):
                opt.zero_grad()
                out = net(x)
                loss = crit(out, m)
                loss.backward()
                opt.step()
                recorder.step(loss)
                row = [step, loss.item(), opt.param_groups[0]["lr"], iou(out, m), "", ""]
                sched.step()
                if n == len(train) - 1:
                    net.eval()
                    with torch.no_grad():
                        pairs = [(net(a), b) for a, b in val]
                    vl = sum(crit(o, b).item() for o, b in pairs) / len(pairs)
                    vi = sum(iou(o, b) for o, b in pairs) / len(pairs)
                    recorder.validation(vl, count=len(val.dataset))
                    row[4:] = [vl, vi]
                    print(f"epoch {epoch}: loss {loss.item():.4f}  val {vl:.4f}  IoU {vi:.3f}")
                log.writerow(row)
                step += 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--epochs", type=int, default=6)
    main(parser.parse_args())
