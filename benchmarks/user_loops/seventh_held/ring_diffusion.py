"""Toy DDPM on 2-D rings; the averaged weights are the ones that are sampled from and shipped."""
import argparse, copy, csv, math, os
import torch
import torch.nn as nn
import newllm

T = 60
BETA = torch.linspace(1e-3, 0.12, T)
ABAR = torch.cumprod(1 - BETA, 0)


def rings(n, g):
    th = torch.rand(n, generator=g) * 2 * math.pi
    r = torch.where(torch.rand(n, generator=g) < 0.5, 0.6, 1.5) + 0.05 * torch.randn(n, generator=g)
    return torch.stack([r * th.cos(), r * th.sin()], 1)


class Denoiser(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 + 8, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 2))

    def forward(self, x, t):
        a = t.float()[:, None] / T * math.pi * torch.tensor([0.5, 1.0, 2.0, 4.0])
        return self.net(torch.cat([x, a.sin(), a.cos()], 1))


class EMA:
    def __init__(self, model, decay):
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for e, p in zip(self.model.parameters(), model.parameters()):
            e.lerp_(p, 1 - self.decay)


def noise_loss(model, x0, t, eps):
    a = ABAR[t][:, None]
    return ((model(a.sqrt() * x0 + (1 - a).sqrt() * eps, t) - eps) ** 2).mean()


@torch.no_grad()
def sample(model, n, g):
    x = torch.randn(n, 2, generator=g)
    for k in reversed(range(T)):
        eps = model(x, torch.full((n,), k))
        x = (x - BETA[k] / (1 - ABAR[k]).sqrt() * eps) / (1 - BETA[k]).sqrt()
        if k:
            x = x + BETA[k].sqrt() * torch.randn(n, 2, generator=g)
    return x


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=900)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    os.makedirs(args.out, exist_ok=True)
    g = torch.Generator().manual_seed(1)
    data, val = rings(10000, g), rings(1000, g)
    tv, ev = torch.randint(0, T, (1000,), generator=g), torch.randn(1000, 2, generator=g)
    model = Denoiser()
    ema = EMA(model, decay=0.99 if args.sound else 0.9999)
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "grad_norm", "val_loss_ema"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            x0 = data[torch.randint(0, len(data), (128,))]
            loss = noise_loss(model, x0, torch.randint(0, T, (128,)), torch.randn(128, 2))
            opt.zero_grad(set_to_none=True)
            loss.backward()
            gn = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
            opt.step()
            ema.update(model)
            recorder.step(loss)
            vl = ""
            if (step + 1) % 75 == 0:
                with torch.no_grad():
                    vl = noise_loss(ema.model, val, tv, ev).item()
                recorder.validation(vl, count=len(val))
                print(f"{step + 1} loss {loss.item():.3f} val(ema) {vl:.4f}")
            log.writerow([step, loss.item(), gn, vl])
    f.close()
    gen = sample(ema.model, 1000, torch.Generator().manual_seed(5))
    print(f"energy distance of samples to held-out rings: {energy_distance(gen, val):.4f}")


if __name__ == "__main__":
    main()
