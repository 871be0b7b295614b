"""Texture patches (8 kinds), small conv net, SGD with warm restarts (SGDR) and a snapshot per cycle."""
import argparse, csv, math, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def patches(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 8, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    ang = (y % 4).float() * math.pi / 4 + 0.15 * torch.randn(n, generator=g)
    freq = torch.where(y < 4, 0.7, 1.3) * (1 + 0.1 * torch.randn(n, generator=g))
    phase = torch.rand(n, generator=g) * 2 * math.pi
    arg = (xx * ang.cos().view(-1, 1, 1) + yy * ang.sin().view(-1, 1, 1)) * freq.view(-1, 1, 1) + phase.view(-1, 1, 1)
    return (arg.sin() + 1.2 * torch.randn(n, 16, 16, generator=g)).unsqueeze(1), y


class Net(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(1, c, 5, padding=2, bias=False), nn.BatchNorm2d(c)
        self.c2, self.b2 = nn.Conv2d(c, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24)
        self.fc = nn.Linear(24, 8)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.relu(self.b2(self.c2(x)))
        return self.fc(x.mean((2, 3)))


def evaluate(net, x, y):
    net.eval()
    with torch.no_grad():
        out = net(x)
    net.train()
    return F.cross_entropy(out, y).item(), (out.argmax(1) == y).sum().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=700)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(33)
    os.makedirs(args.out, exist_ok=True)
    x, y = patches(6000, 1)
    xv, yv = patches(500, 2)
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9, weight_decay=5e-4, nesterov=True)
    sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=100, T_mult=2, eta_min=1e-3)
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    w = csv.writer(f)
    w.writerow(["step", "loss", "lr", "val_loss", "val_acc"])
    with newllm.record(net, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            i = torch.randint(0, len(x), (32,))
            opt.zero_grad()
            loss = F.cross_entropy(net(x[i]), y[i])
            loss.backward()
            opt.step()
            recorder.step(loss)
            row = [step, loss.item(), sched.get_last_lr()[0], "", ""]
            sched.step()
            if (step + 1) % 50 == 0:
                vl, ok = evaluate(net, xv, yv)
                recorder.validation(vl, correct=ok, count=len(yv))
                row[3:] = [vl, ok / len(yv)]
                print(f"{step + 1} lr {row[2]:.3f} loss {loss.item():.3f} val {vl:.3f} acc {ok / len(yv):.3f}")
            if step + 1 in (100, 300, 700):
                torch.save(net.state_dict(), os.path.join(args.out, f"snapshot{step + 1}.pt"))
            w.writerow(row)
    f.close()


if __name__ == "__main__":
    main()
