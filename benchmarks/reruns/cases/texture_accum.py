"""Texture classes from 8-bit pictures, with gradient accumulation over two micro-batches."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

p = argparse.ArgumentParser()
p.add_argument("--updates", type=int, default=360)
p.add_argument("--accum", type=int, default=2)
p.add_argument("--micro", type=int, default=24)
p.add_argument("--lr", type=float, default=1e-3)
args = p.parse_args()

torch.manual_seed(55)


def texture(n):
    k = torch.randint(0, 4, (n,))
    t = torch.arange(12.0)
    f = torch.tensor([0.6, 1.0, 1.5, 2.2])[k][:, None]
    ph = torch.rand(n, 1) * 6.28
    row = torch.sin(f * t + ph)
    ph2 = torch.rand(n, 1) * 6.28
    col = torch.sin(f * t + ph2)
    im = row[:, None, :] + col[:, :, None] + 0.8 * torch.randn(n, 12, 12)
    return ((im * 30 + 128).clamp(0, 255)).to(torch.uint8)[:, None], k


store_x, store_y = texture(2400)
# a second shard came later, kept as floats of 0..255 on disk
extra_x, extra_y = texture(400)
torch.save((extra_x.float(), extra_y), "shard2.pt")
extra_x, extra_y = torch.load("shard2.pt")


def prepare(x):
    if x.dtype == torch.uint8:
        x = (x.float() - 128) / 45
    return x


net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 4))
opt = torch.optim.RMSprop(net.parameters(), lr=args.lr, alpha=0.95)

with open("losses.txt", "w") as f, newllm.record(net, opt, out="runs/texture_accum") as rec:
    for u in range(args.updates):
        opt.zero_grad()
        total = 0.0
        for m in range(args.accum):
            # from update 250 on, one update in six draws a micro-batch from the second shard
            if u >= 250 and u % 6 == 4 and m == 0:
                i = torch.randint(0, len(extra_x), (args.micro,))
                x, y = extra_x[i], extra_y[i]
            else:
                i = torch.randint(0, len(store_x), (args.micro,))
                x, y = store_x[i], store_y[i]
            part = F.cross_entropy(net(prepare(x)), y) / args.accum
            part.backward()
            total = total + part.detach()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        rec.step(total)
        f.write(f"{total.item()!r}\n")
