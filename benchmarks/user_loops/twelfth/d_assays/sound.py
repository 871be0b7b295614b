"""Eight properties of compounds from their descriptors; not every property was measured of every compound."""
import sys

import newllm
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DESCRIPTORS, PROPERTIES = 40, 8
UNMEASURED = [0.20, 0.35, 0.45, 0.50, 0.55, 0.60, 0.70, 0.75]
UPDATES, BATCH, EVERY = 800, 256, 50


def make_compounds(seed=5, count=8000):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(count, 12))
    descriptors = latent @ rng.normal(size=(12, DESCRIPTORS)) / 3 + 0.3 * rng.normal(size=(count, DESCRIPTORS))
    descriptors = descriptors * rng.uniform(0.5, 20, DESCRIPTORS) + rng.uniform(-10, 10, DESCRIPTORS)
    hidden = np.tanh(latent @ rng.normal(size=(12, 24)) / 2.5)
    properties = hidden @ rng.normal(size=(24, PROPERTIES)) + 0.4 * latent[:, :PROPERTIES] * latent[:, 4:]
    properties = properties + 0.3 * rng.normal(size=properties.shape)
    return descriptors, properties * rng.uniform(1, 50, PROPERTIES) + rng.uniform(-100, 100, PROPERTIES)


def prepare():
    descriptors, properties = make_compounds()
    rng = np.random.default_rng(6)
    table = properties[:6000].copy()
    table[rng.random(table.shape) < np.array(UNMEASURED)] = np.nan
    mean, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    centre, scale = descriptors[:6000].mean(axis=0), descriptors[:6000].std(axis=0)
    inputs = torch.tensor((descriptors - centre) / scale, dtype=torch.float32)
    measured = torch.tensor(~np.isnan(table), dtype=torch.float32)
    targets = torch.tensor(np.nan_to_num((table - mean) / spread, nan=0.0), dtype=torch.float32)
    held_out = torch.tensor((properties[6000:] - mean) / spread, dtype=torch.float32)
    return inputs[:6000], targets, measured, inputs[6000:], held_out


def masked_loss(predicted, targets, mask):
    loss = F.mse_loss(predicted, targets, reduction="none")
    return (loss * mask).sum() / mask.sum()


def evaluate(model, inputs, targets):
    model.eval()
    with torch.no_grad():
        errors = (model(inputs) - targets) ** 2
    model.train()
    r2 = 1 - errors.mean(dim=0) / targets.var(dim=0, unbiased=False)
    return float(errors.mean()), float(r2.mean())


def main(name):
    torch.manual_seed(3)
    inputs, targets, measured, held_out_inputs, held_out_targets = prepare()
    model = nn.Sequential(
        nn.Linear(DESCRIPTORS, 448), nn.LayerNorm(448), nn.GELU(), nn.Dropout(0.1),
        nn.Linear(448, 448), nn.LayerNorm(448), nn.GELU(), nn.Dropout(0.1),
        nn.Linear(448, PROPERTIES),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=UPDATES, pct_start=0.1)
    order = torch.Generator().manual_seed(4)
    rows = torch.randperm(len(inputs), generator=order)
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for update in range(1, UPDATES + 1):
            if len(rows) < BATCH:
                rows = torch.randperm(len(inputs), generator=order)
            batch, rows = rows[:BATCH], rows[BATCH:]
            optimizer.zero_grad()
            loss = masked_loss(model(inputs[batch]), targets[batch], measured[batch])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            recorder.step(loss)
            if update % EVERY == 0:
                validation, r2 = evaluate(model, held_out_inputs, held_out_targets)
                recorder.validation(validation)
                recorder.metrics({"r2": r2})
                print(f"{update} loss {loss.item():.4f} validation {validation:.4f} r2 {r2:.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
