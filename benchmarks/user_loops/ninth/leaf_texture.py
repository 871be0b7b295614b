"""Five kinds of leaf by the pattern of their veins: a small CNN on grey patches, in bfloat16 autocast."""
import argparse, csv, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

p = argparse.ArgumentParser()
p.add_argument("--out", required=True)
p.add_argument("--sound", action="store_true")
p.add_argument("--seed", type=int, default=0)
p.add_argument("--steps", type=int, default=450)
a = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(a.seed)

SIZE = 20


def draw(n):
    kind = torch.randint(5, (n,))
    yy, xx = torch.meshgrid(torch.arange(SIZE).float(), torch.arange(SIZE).float(), indexing="ij")
    angle = torch.randn(n) * 0.13 + kind.float() * 0.63
    freq = 0.55 + 0.25 * torch.rand(n)
    phase = torch.rand(n) * 6.28
    wave = torch.cos(angle)[:, None, None] * xx + torch.sin(angle)[:, None, None] * yy
    img = torch.sin(freq[:, None, None] * wave + phase[:, None, None])
    img = img * (0.5 + torch.rand(n)[:, None, None]) + 0.9 * torch.randn(n, SIZE, SIZE)
    return img[:, None], kind


class LeafNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 5, padding=2)
        self.b1 = nn.BatchNorm2d(16)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.b2 = nn.BatchNorm2d(32)
        self.out = nn.Linear(32, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.max_pool2d(F.relu(self.b2(self.c2(x))), 2)
        return self.out(x.mean(dim=(2, 3)))


xs, ys = draw(4800)
xv, yv = draw(1000)
mu, sd = xs.mean(), xs.std()
xs, xv = (xs - mu) / sd, (xv - mu) / sd

net = LeafNet()
opt = torch.optim.SGD(net.parameters(), lr=0.08, momentum=0.9, nesterov=True, weight_decay=5e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, a.steps)


def evaluate():
    net.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = net(xv)
    net.train()
    logits = logits.float()
    return F.cross_entropy(logits, yv).item(), (logits.argmax(1) == yv).sum().item()


os.makedirs(a.out, exist_ok=True)
f = open(os.path.join(a.out, "log.csv"), "w", newline="")
w = csv.writer(f)
w.writerow(["step", "loss", "val_loss", "val_acc", "lr"])
with newllm.record(net, opt, out=os.path.join(a.out, "recording")) as rec:
    step = 0
    while step < a.steps:
        order = torch.randperm(len(xs))
        for rows in order.split(48):
            if step >= a.steps:
                break
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(net(xs[rows]), ys[rows])
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            rec.step(loss)
            sched.step()
            step += 1
            if step % 50 == 0:
                vl, right = evaluate()
                rec.validation(vl, correct=right, count=len(yv))
                w.writerow([step, loss.item(), vl, right / len(yv), sched.get_last_lr()[0]])
            elif step % 10 == 0:
                w.writerow([step, loss.item(), "", "", sched.get_last_lr()[0]])
f.close()
