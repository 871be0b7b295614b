"""Class-conditional denoising diffusion (DDPM) on the 8x8 digits of scikit-learn."""
import copy
import math
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import newllm

SEED = 0
TIMESTEPS = 100
STEPS = 800
BATCH_SIZE = 128
EVAL_EVERY = 100
LR = 2e-3
WIDTH = 256
EMA_DECAY = 0.99

torch.manual_seed(SEED)
np.random.seed(SEED)


def cosine_alpha_bar(timesteps, s=0.008):
    t = torch.arange(timesteps + 1) / timesteps
    f = torch.cos((t + s) / (1 + s) * math.pi / 2) ** 2
    return f / f[0]


class Diffusion:
    def __init__(self, timesteps):
        self.timesteps = timesteps
        alpha_bar = cosine_alpha_bar(timesteps)
        self.betas = (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def q_sample(self, x0, t, noise):
        a = self.alpha_bar[t].unsqueeze(1)
        return a.sqrt() * x0 + (1 - a).sqrt() * noise

    def loss(self, model, x0, y):
        t = torch.randint(self.timesteps, (x0.size(0),))
        noise = torch.rand_like(x0)
        xt = self.q_sample(x0, t, noise)
        return F.mse_loss(model(xt, t, y), noise)

    @torch.no_grad()
    def sample(self, model, y):
        x = torch.randn(y.size(0), 64)
        for i in reversed(range(self.timesteps)):
            t = torch.full((y.size(0),), i)
            eps = model(x, t, y)
            a, ab = self.alphas[i], self.alpha_bar[i]
            ab_prev = self.alpha_bar[i - 1] if i > 0 else torch.tensor(1.0)
            x0 = ((x - (1 - ab).sqrt() * eps) / ab.sqrt()).clamp(-1, 1)
            mean = (ab_prev.sqrt() * self.betas[i] * x0 + a.sqrt() * (1 - ab_prev) * x) / (1 - ab)
            x = mean
            if i > 0:
                x = x + (self.betas[i] * (1 - ab_prev) / (1 - ab)).sqrt() * torch.randn_like(x)
        return x


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, h, cond):
        return h + self.fc2(F.silu(self.fc1(self.norm(h) + cond)))


class Denoiser(nn.Module):
    def __init__(self, width=WIDTH, depth=3, classes=10):
        super().__init__()
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(classes, width)
        self.inp = nn.Linear(64, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 64))

    def forward(self, x, t, y):
        half = self.width // 2
        freqs = torch.exp(-math.log(1000) * torch.arange(half) / half)
        args = t.float().unsqueeze(1) * freqs
        cond = self.time(torch.cat([args.sin(), args.cos()], dim=1)) + self.label(y)
        h = self.inp(x)
        for block in self.blocks:
            h = block(h, cond)
        return self.out(h)


@torch.no_grad()
def update_ema(ema, model, decay):
    for e, p in zip(ema.parameters(), model.parameters()):
        e.lerp_(p, 1 - decay)


def frechet_distance(a, b):
    a, b = a.double(), b.double()
    mu = (a.mean(0) - b.mean(0)).pow(2).sum()
    ca, cb = torch.cov(a.T), torch.cov(b.T)
    eig = torch.linalg.eigvals(ca @ cb).real.clamp(min=0).sqrt().sum()
    return (mu + ca.trace() + cb.trace() - 2 * eig).item()


@torch.no_grad()
def evaluate(diffusion, ema, x_val, y_val, judge):
    ema.eval()
    state = torch.get_rng_state()
    torch.manual_seed(123)
    val_loss = sum(diffusion.loss(ema, x_val, y_val).item() for _ in range(8)) / 8
    labels = torch.arange(500) % 10
    samples = diffusion.sample(ema, labels)
    torch.set_rng_state(state)
    accuracy = judge.score(samples.numpy(), labels.numpy())
    return val_loss, frechet_distance(samples, x_val), accuracy


def main():
    run = sys.argv[1]
    digits = load_digits()
    x = (digits.data / 16.0 * 2 - 1).astype(np.float32)
    x_train, x_val, y_train, y_val = train_test_split(
        x, digits.target, test_size=0.25, random_state=SEED, stratify=digits.target)
    judge = LogisticRegression(max_iter=1000).fit(x_train, y_train)
    print(f"classifier on real validation digits: {judge.score(x_val, y_val):.3f}")
    x_train, x_val = torch.tensor(x_train), torch.tensor(x_val)
    y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
    print(f"Frechet distance of training to validation digits: {frechet_distance(x_train, x_val):.3f}")

    diffusion = Diffusion(TIMESTEPS)
    model = Denoiser()
    ema = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)

    with newllm.record(model, optimizer, out="runs/" + run) as recorder:
        for step in range(1, STEPS + 1):
            ix = torch.randint(len(x_train), (BATCH_SIZE,))
            loss = diffusion.loss(model, x_train[ix], y_train[ix])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            update_ema(ema, model, EMA_DECAY)
            recorder.step(loss)

            if step % EVAL_EVERY == 0:
                val_loss, fd, acc = evaluate(diffusion, ema, x_val, y_val, judge)
                recorder.validation(val_loss)
                recorder.metrics({"frechet_distance": fd, "sample_accuracy": acc})
                print(f"step {step:4d}  train {loss.item():.4f}  val {val_loss:.4f}  "
                      f"frechet {fd:.3f}  sample accuracy {acc:.3f}", flush=True)


if __name__ == "__main__":
    main()
