"""A diffusion model that draws handwritten digits of 8 x 8 pixels (scikit-learn's set), sampled from averaged weights."""
import copy
import math
import random
import sys

import newllm
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

torch.set_num_threads(1)
random.seed(7)
np.random.seed(7)
torch.manual_seed(7)

STEPS = 200
TIMES = torch.arange(STEPS + 1) / STEPS
ALPHA_BAR = torch.cos((TIMES + 0.008) / 1.008 * math.pi / 2) ** 2
ALPHA_BAR = (ALPHA_BAR / ALPHA_BAR[0]).clamp(min=1e-4)[1:]
BETA = 1 - ALPHA_BAR / torch.cat([torch.ones(1), ALPHA_BAR[:-1]])


def embed_time(t, width=64):
    rates = torch.exp(-math.log(1000) * torch.arange(width // 2) / (width // 2))
    angles = t[:, None].float() * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class Residual(nn.Module):
    def __init__(self, width, conditions):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, 2 * width)
        self.condition = nn.Linear(conditions, 2 * width)
        self.second = nn.Linear(2 * width, width)

    def forward(self, x, condition):
        return x + self.second(F.silu(self.first(self.norm(x)) + self.condition(condition)))


class Denoiser(nn.Module):
    def __init__(self, width=192, depth=4, conditions=96):
        super().__init__()
        self.digit = nn.Embedding(10, conditions)
        self.time = nn.Sequential(nn.Linear(64, conditions), nn.SiLU(), nn.Linear(conditions, conditions))
        self.inputs = nn.Linear(64, width)
        self.blocks = nn.ModuleList(Residual(width, conditions) for _ in range(depth))
        self.outputs = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 64))

    def forward(self, x, t, digit):
        condition = F.silu(self.time(embed_time(t)) + self.digit(digit))
        x = self.inputs(x)
        for block in self.blocks:
            x = block(x, condition)
        return self.outputs(x)


class EMA:
    """An exponential moving average of the weights; samples are drawn from it."""

    def __init__(self, model, decay=0.9999):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for average, weight in zip(self.model.parameters(), model.parameters()):
            average.lerp_(weight, 1 - self.decay)


def diffusion_loss(model, images, digits, generator=None):
    t = torch.randint(0, STEPS, (len(images),), generator=generator)
    noise = torch.randn(images.shape, generator=generator)
    signal = ALPHA_BAR[t][:, None]
    return F.mse_loss(model(signal.sqrt() * images + (1 - signal).sqrt() * noise, t, digits), noise)


@torch.no_grad()
def sample(model, digits, generator):
    x = torch.randn(len(digits), 64, generator=generator)
    for step in reversed(range(STEPS)):
        t = torch.full((len(digits),), step)
        noise = model(x, t, digits)
        clean = ((x - (1 - ALPHA_BAR[step]).sqrt() * noise) / ALPHA_BAR[step].sqrt()).clamp(-1, 1)
        before = ALPHA_BAR[step - 1] if step > 0 else torch.tensor(1.0)
        x = (before.sqrt() * BETA[step] * clean + (1 - BETA[step]).sqrt() * (1 - before) * x) / (1 - ALPHA_BAR[step])
        if step > 0:
            x = x + (BETA[step] * (1 - before) / (1 - ALPHA_BAR[step])).sqrt() * torch.randn(x.shape, generator=generator)
    return x


def main(name):
    digits = load_digits()
    order = np.random.permutation(len(digits.data))
    images = torch.tensor(digits.data[order] / 8 - 1, dtype=torch.float32)
    labels = torch.tensor(digits.target[order])
    train_images, train_labels, valid_images, valid_labels = images[:1400], labels[:1400], images[1400:], labels[1400:]
    judge = LogisticRegression(max_iter=2000, C=0.1).fit(train_images, train_labels)

    model = Denoiser()
    ema = EMA(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    updates, batch_size = 1800, 128
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(1, (n + 1) / 100) * max(0.05, 1 - n / updates))
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for update in range(1, updates + 1):
            rows = torch.randint(0, len(train_images), (batch_size,))
            loss = diffusion_loss(model, train_images[rows], train_labels[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            ema.update(model)
            recorder.step(loss)
            if update % 150 == 0:
                generator = torch.Generator().manual_seed(1)
                with torch.no_grad():
                    valid_loss = sum(diffusion_loss(ema.model, valid_images, valid_labels, generator).item() for _ in range(8)) / 8
                wanted = torch.arange(200) % 10
                drawn = sample(ema.model, wanted, generator)
                recognized = judge.score(drawn, wanted)
                recorder.validation(valid_loss)
                recorder.metrics({"recognized": recognized})
                print(f"update {update:4d}  train {loss.item():.4f}  valid {valid_loss:.4f}  recognized {recognized:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
