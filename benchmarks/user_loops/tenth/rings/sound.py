"""A diffusion model of points on interleaved rings and moons, trained with Accelerate; what samples is the average of the weights."""

import math
import sys

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from sklearn.datasets import make_moons, make_circles
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm

torch.set_num_threads(1)
set_seed(8)

STEPS = 100
UPDATES = 800
EVERY = 50


def points(n, seed):
    moons, kind_a = make_moons(n // 2, noise=0.04, random_state=seed)
    circles, kind_b = make_circles(n - n // 2, noise=0.03, factor=0.45, random_state=seed)
    x = torch.cat([torch.tensor(moons) * 1.2 - torch.tensor([0.6, 0.3]), torch.tensor(circles) * 1.8]).float()
    return x, torch.cat([torch.tensor(kind_a), torch.tensor(kind_b) + 2])


class Denoiser(nn.Module):
    def __init__(self, width=256):
        super().__init__()
        self.kind = nn.Embedding(4, 32)
        self.first = nn.Linear(2 + 32 + 32, width)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)) for _ in range(3))
        self.last = nn.Linear(width, 2)

    def forward(self, x, t, kind):
        frequency = torch.exp(torch.arange(16) * (-math.log(1000.0) / 15))
        angle = t[:, None].float() * frequency[None]
        h = self.first(torch.cat([x * 1.0, angle.sin(), angle.cos(), self.kind(kind)], 1))
        for block in self.blocks:
            h = h + block(h)
        return self.last(h)


class EMA:
    def __init__(self, parameters, decay):
        self.decay = decay
        self.shadow = [p.detach().clone() for p in parameters]
        self.kept = None

    @torch.no_grad()
    def step(self, parameters):
        for s, p in zip(self.shadow, parameters):
            s.lerp_(p, 1 - self.decay)

    @torch.no_grad()
    def copy_to(self, parameters):
        for s, p in zip(self.shadow, parameters):
            p.copy_(s)

    def store(self, parameters):
        self.kept = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def restore(self, parameters):
        for k, p in zip(self.kept, parameters):
            p.copy_(k)
        self.kept = None


beta = torch.linspace(1e-3, 0.08, STEPS)
alpha = torch.cumprod(1 - beta, 0)


def noised(x, t, noise):
    a = alpha[t][:, None]
    return a.sqrt() * x + (1 - a).sqrt() * noise


g = torch.Generator().manual_seed(77)
held_x, held_kind = points(2000, 2)
held_t = torch.randint(STEPS, (len(held_x),), generator=g)
held_noise = torch.randn(held_x.shape, generator=g)


@torch.no_grad()
def validate(model):
    model.eval()
    loss = nn.functional.mse_loss(model(noised(held_x, held_t, held_noise), held_t, held_kind), held_noise).item()
    model.train()
    return loss


accelerator = Accelerator(cpu=True)
model = Denoiser()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min(1.0, (i + 1) / 50))
loader = DataLoader(TensorDataset(*points(40_000, 1)), batch_size=256, shuffle=True, drop_last=True)
model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)
ema = EMA(model.parameters(), decay=0.995)

run = newllm.record(model, optimizer, out="runs/" + sys.argv[1])
done = 0
while done < UPDATES:
    for x, kind in loader:
        t = torch.randint(STEPS, (len(x),))
        noise = torch.randn_like(x)
        loss = nn.functional.mse_loss(model(noised(x, t, noise), t, kind), noise)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        ema.step(model.parameters())
        done += 1
        run.step(loss)
        if done % EVERY == 0:
            ema.store(model.parameters())
            ema.copy_to(model.parameters())
            value = validate(model)
            ema.restore(model.parameters())
            run.validation(value)
            print(f"{done:4d}  loss {loss.item():.4f}  val {value:.4f}", flush=True)
        if done == UPDATES:
            break
run.close()

ema.copy_to(model.parameters())
print(f"final val {validate(model):.4f}")
