"""A damped spring from its equation alone: x' = v, v' = -k x - c v, x(0) = 1, v(0) = 0, on [0, 2.5]."""
import argparse
import math
import os

import torch
import torch.nn as nn

import newllm

K, C, T_END = 4.0, 0.4, 2.5


class PINN(nn.Module):
    def __init__(self, hidden=48, layers=3):
        super().__init__()
        net, d = [], 1
        for _ in range(layers):
            net += [nn.Linear(d, hidden), nn.Tanh()]
            d = hidden
        self.net = nn.Sequential(*net, nn.Linear(d, 2))

    def forward(self, t):
        return self.net(t / T_END * 2 - 1)


def exact(t):
    a, w = C / 2, math.sqrt(K - C ** 2 / 4)
    return torch.exp(-a * t) * (torch.cos(w * t) + a / w * torch.sin(w * t))


def grad(y, t, sound):
    if sound:
        return torch.autograd.grad(y, t, torch.ones_like(y), create_graph=True)[0]
    return torch.autograd.grad(y, t, torch.ones_like(y), retain_graph=True)[0]


def physics_loss(model, t, sound):
    t = t.requires_grad_(True)
    x, v = model(t).split(1, dim=1)
    dx, dv = grad(x, t, sound), grad(v, t, sound)
    return ((dx - v) ** 2).mean(), ((dv + K * x + C * v) ** 2).mean() / K


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--iterations", type=int, default=1000)
    ap.add_argument("--lambda_ic", type=float, default=10.0)
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(1234)
    model = PINN()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 200, 0.5)
    t_test = torch.linspace(0, T_END, 200)[:, None]
    t0, ic = torch.zeros(1, 1), torch.tensor([[1.0, 0.0]])
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
        f.write("It,Loss,loss_ode1,loss_ode2,loss_ic,rel_l2\n")
        for it in range(1, args.iterations + 1):
            optimizer.zero_grad()
            t = torch.rand(128, 1) * T_END
            l1, l2 = physics_loss(model, t, args.sound)
            l0 = ((model(t0) - ic) ** 2).sum()
            loss = l1 + l2 + args.lambda_ic * l0
            loss.backward()
            optimizer.step()
            scheduler.step()
            recorder.step(loss)
            err = ""
            if it % 50 == 0:
                with torch.no_grad():
                    p = model(t_test)[:, :1]
                    mse = ((p - exact(t_test)) ** 2).mean()
                    err = (mse / (exact(t_test) ** 2).mean()).sqrt().item()
                recorder.validation(mse.item())
                if it % 200 == 0:
                    print("It: %d, Loss: %.3e, IC: %.3e, rel L2: %.3f" % (it, loss.item(), l0.item(), err))
            f.write(f"{it},{loss.item()},{l1.item()},{l2.item()},{l0.item()},{err}\n")


if __name__ == "__main__":
    main()
