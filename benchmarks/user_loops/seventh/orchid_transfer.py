"""Fine-tune a small pretrained CNN on 10 orchid-like flower classes: head first, whole network afterwards."""
import argparse, csv, math, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def flowers(n, n_cls, seed, petals, hue, noise):
    """16x16 RGB rosettes: petal count, ring radius and colour depend on the class."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, n_cls, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    cx, cy, rot = [(torch.rand(n, 1, 1, generator=g) - 0.5) * s for s in (0.5, 0.5, 2 * math.pi)]
    dx, dy = xx - cx, yy - cy
    r, th = (dx ** 2 + dy ** 2).sqrt(), torch.atan2(dy, dx)
    k = (petals + (y % 5)).view(-1, 1, 1).float()
    ring = (0.45 + 0.2 * (y // 5)).view(-1, 1, 1).float()
    shape = torch.exp(-((r - ring * (1 + 0.3 * torch.cos(k * th + rot))) / 0.16) ** 2)
    tint = torch.rand(n, 3, 1, 1, generator=g) * 0.6 + hue.view(1, 3, 1, 1)
    img = shape.unsqueeze(1) * tint + noise * torch.randn(n, 3, 16, 16, generator=g)
    return img, y


class SmallCNN(nn.Module):
    def __init__(self, n_cls):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU())
        self.backbone = nn.Sequential(block(3, 16), nn.MaxPool2d(2), block(16, 32), nn.MaxPool2d(2), block(32, 32))
        self.fc = nn.Linear(32 * 16, n_cls)

    def forward(self, x):
        return self.fc(self.backbone(x).flatten(1))


def pretrain(model, steps=120):
    x, y = flowers(2000, 4, 11, petals=2, hue=torch.tensor([0.8, 0.3, 0.1]), noise=0.05)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        i = torch.randint(0, len(x), (64,))
        opt.zero_grad()
        F.cross_entropy(model(x[i]), y[i]).backward()
        opt.step()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--head_steps", type=int, default=220)
    ap.add_argument("--steps", type=int, default=560)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(21)
    os.makedirs(args.out, exist_ok=True)

    model = SmallCNN(4)
    pretrain(model)
    model.fc = nn.Linear(32 * 16, 10)

    hue = torch.tensor([0.3, 0.2, 0.6])
    x, y = flowers(2500, 10, 31, petals=3, hue=hue, noise=0.15)
    xv, yv = flowers(600, 10, 32, petals=3, hue=hue, noise=0.15)

    for p in model.backbone.parameters():
        p.requires_grad = False
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=2e-3)

    def validate():
        model.eval()
        with torch.no_grad():
            out = model(xv)
        model.train()
        return F.cross_entropy(out, yv).item(), (out.argmax(1) == yv).sum().item()

    rows = []
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            if step == args.head_steps:
                print("unfreezing backbone")
                for p in model.backbone.parameters():
                    p.requires_grad = True
                if args.sound:
                    optimizer.add_param_group({"params": list(model.backbone.parameters()), "lr": 1e-3})
            i = torch.randint(0, len(x), (32,))
            optimizer.zero_grad()
            out = model(x[i])
            loss = F.cross_entropy(out, y[i])
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            acc = (out.argmax(1) == y[i]).float().mean().item()
            vl = va = ""
            if (step + 1) % 40 == 0:
                vl, correct = validate()
                recorder.validation(vl, correct=correct, count=len(yv))
                va = correct / len(yv)
                print(f"[{step + 1}] train {loss.item():.3f}/{acc:.2f}  val {vl:.3f}/{va:.3f}")
            rows.append([step, loss.item(), acc, optimizer.param_groups[0]["lr"], vl, va])
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["iter", "train_loss", "train_acc", "lr", "val_loss", "val_acc"])
        w.writerows(rows)


if __name__ == "__main__":
    main()
