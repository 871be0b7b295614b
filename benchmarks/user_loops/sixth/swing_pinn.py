"""A damped swing from a few noisy readings and its equation x'' + 2 d x' + w^2 x = 0 (d and w are learned too)."""
import argparse
import os

import numpy as np
import torch
from torch import nn

import newllm


class Swing(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))
        self.d = nn.Parameter(torch.tensor(0.1))
        self.w = nn.Parameter(torch.tensor(1.6))

    def forward(self, t):
        return self.net(t / 4 - 1)

    def residual(self, t):
        t = t.requires_grad_()
        x = self(t)
        v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
        a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
        return a + 2 * self.d * v + self.w ** 2 * x


def truth(t):
    return np.exp(-0.2 * t) * np.cos(np.sqrt(4 - 0.04) * t)


def weight(step):
    """Readings first; between 250 and 400 the equation comes in."""
    return 1.0 * min(max((step - 250) / 150, 0.0), 1.0)


p = argparse.ArgumentParser()
p.add_argument("--out", required=True)
p.add_argument("--sound", action="store_true")
args = p.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(5)
rng = np.random.default_rng(5)
t_obs = np.sort(rng.uniform(0, 8, 40))
x_obs = truth(t_obs) + rng.normal(0, 0.08, 40)
t_obs = torch.tensor(t_obs, dtype=torch.float32)[:, None]
x_obs = torch.tensor(x_obs, dtype=torch.float32)[:, None]
t_val = np.linspace(0, 8, 200)
x_val = torch.tensor(truth(t_val), dtype=torch.float32)[:, None]
t_val = torch.tensor(t_val, dtype=torch.float32)[:, None]

model = Swing()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [650], gamma=0.3)
rows = []
with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as rec:
    for step in range(1, 801):
        w = weight(step)
        fit = ((model(t_obs) - x_obs) ** 2).mean()
        eq = (model.residual(torch.rand(64, 1) * 8) ** 2).mean()
        loss = 5 * fit + w * eq
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        rec.step(loss)
        rows.append([step, loss.item(), fit.item(), eq.item(), w, model.d.item(), model.w.item(), ""])
        if step % 50 == 0:
            with torch.no_grad():
                v = ((model(t_val) - x_val) ** 2).mean().item()
            rec.validation(v)
            rows[-1][-1] = v
            print(" ".join(f"{c:.4f}" for c in rows[-1]))
with open(os.path.join(args.out, "log.csv"), "w") as f:
    f.write("step,loss,fit,equation,w_equation,damping,omega,error_to_truth\n")
    f.writelines(",".join(str(c) for c in r) + "\n" for r in rows)
