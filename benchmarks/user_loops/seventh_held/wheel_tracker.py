"""Two heads on one trunk: where a wheel is in a crop (x, y, radius) and which of 4 rim types it has."""
import argparse, csv, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def crops(n, seed):
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 14), torch.linspace(-1, 1, 14), indexing="ij")
    box = torch.rand(n, 3, generator=g)
    cx, cy, r = [(box[:, k] * s + o).view(-1, 1, 1) for k, (s, o) in enumerate([(0.8, -0.4), (0.8, -0.4), (0.35, 0.35)])]
    rim = torch.randint(0, 4, (n,), generator=g)
    rad = ((xx - cx) ** 2 + (yy - cy) ** 2).sqrt()
    ang = torch.atan2(yy - cy, xx - cx)
    tyre = torch.exp(-((rad - r) / 0.12) ** 2)
    spokes = torch.cos((rim + 2).view(-1, 1, 1) * ang) * (rad < r)
    return (tyre + 0.7 * spokes + 0.3 * torch.randn(n, 14, 14, generator=g)).flatten(1), box, rim


class Tracker(nn.Module):
    def __init__(self, h=160):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(196, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.box, self.rim = nn.Linear(h, 3), nn.Linear(h, 4)

    def forward(self, x):
        h = self.trunk(x)
        return self.box(h), self.rim(h)


def both(model, x, box, rim):
    pb, pr = model(x)
    return F.smooth_l1_loss(pb, box), F.cross_entropy(pr, rim), pr


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--updates", type=int, default=560)
    ap.add_argument("--micro", type=int, default=32)
    ap.add_argument("--large_from", type=int, default=340, help="use 8 micro-batches per update from here on")
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(23)
    os.makedirs(args.out, exist_ok=True)
    x, box, rim = crops(8000, 1)
    val = crops(800, 2)
    model = Tracker()
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "accum", "loss", "box_loss", "rim_loss", "grad_norm", "val_loss", "val_rim_acc", "val_box_mae"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.updates):
            accum = 8 if step >= args.large_from else 1
            opt.zero_grad()
            lb_sum = lr_sum = 0.0
            for _ in range(accum):
                i = torch.randint(0, len(x), (args.micro,))
                lb, lr, _ = both(model, x[i], box[i], rim[i])
                loss = 10 * lb + lr
                if args.sound:
                    (loss / accum).backward()
                else:
                    loss.backward()
                lb_sum += lb.item() / accum
                lr_sum += lr.item() / accum
            gn = torch.stack([p.grad.norm() for p in model.parameters()]).norm().item()
            opt.step()
            recorder.step(10 * lb_sum + lr_sum)
            row = [step, accum, 10 * lb_sum + lr_sum, lb_sum, lr_sum, gn, "", "", ""]
            if (step + 1) % 40 == 0:
                model.eval()
                with torch.no_grad():
                    lb, lr, pr = both(model, *val)
                    mae = (model(val[0])[0] - val[1]).abs().mean().item()
                model.train()
                ok = (pr.argmax(1) == val[2]).sum().item()
                recorder.validation((10 * lb + lr).item(), correct=ok, count=len(val[2]))
                row[6:] = [(10 * lb + lr).item(), ok / len(val[2]), mae]
                print(f"{step + 1} loss {row[2]:.3f} grad {gn:.2f} val {row[6]:.3f} rim {row[7]:.3f} box mae {mae:.4f}")
            log.writerow(row)
    f.close()


if __name__ == "__main__":
    main()
