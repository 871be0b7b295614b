"""Surrogate for a heat solver: plate parameters -> 16x16 temperature field in Kelvin above ambient, summed squared error."""
import argparse, csv, os
import torch
import torch.nn as nn
import newllm


def solve(n, seed):
    """Two Gaussian sources on a plate with a cold edge."""
    g = torch.Generator().manual_seed(seed)
    p = torch.rand(n, 7, generator=g)
    yy, xx = torch.meshgrid(torch.linspace(0, 1, 16), torch.linspace(0, 1, 16), indexing="ij")
    field = torch.zeros(n, 16, 16)
    for k in range(2):
        cx, cy, q = [p[:, 3 * k + j].view(-1, 1, 1) for j in range(3)]
        cx = 0.5 * cx + 0.5 * k
        field += (40 + 160 * q) * torch.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 0.3)
    field = field * (1 - 0.6 * p[:, 6].view(-1, 1, 1) * xx)
    return p, (field + 2.0 * torch.randn(n, 16, 16, generator=g)).flatten(1)


class Surrogate(nn.Module):
    def __init__(self, h=160):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(7, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 256))

    def forward(self, p):
        return 50.0 * self.net(4 * p - 2) + 40.0


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=900)
    ap.add_argument("--batch", type=int, default=50)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(40)
    os.makedirs(args.out, exist_ok=True)
    p, t = solve(5000, 1)
    pv, tv = solve(500, 2)
    model = Surrogate()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps)
    sse = nn.MSELoss(reduction="sum")
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f, newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        w = csv.writer(f)
        w.writerow(["step", "loss", "lr", "grad_norm", "val_loss", "val_rmse_kelvin"])
        for step in range(args.steps):
            i = torch.randint(0, len(p), (args.batch,))
            opt.zero_grad()
            loss = sse(model(p[i]), t[i])
            loss.backward()
            gn = torch.stack([q.grad.norm() for q in model.parameters()]).norm().item()
            opt.step()
            recorder.step(loss)
            row = [step, loss.item(), sched.get_last_lr()[0], gn, "", ""]
            sched.step()
            if (step + 1) % 90 == 0:
                with torch.no_grad():
                    mse = ((model(pv) - tv) ** 2).mean().item()
                row[4:] = [mse * 256 * args.batch, mse ** 0.5]
                recorder.validation(row[4], count=len(pv))
                print(f"{step + 1} loss {loss.item():.0f} grad {gn:.0f} val {row[4]:.0f} rmse {mse ** 0.5:.2f} K (noise 2.00, spread {tv.std():.1f})")
            w.writerow(row)


if __name__ == "__main__":
    main()
