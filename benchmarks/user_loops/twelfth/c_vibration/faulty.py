"""Which state is the machine in? A small convolutional network on vibration signals, trained with Accelerate."""
import math
import sys

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import newllm

CLASSES = 8
LENGTH = 512
MICRO_BATCH = 8
ACCUMULATE = 8
EPOCHS = 10
EVALUATE_EVERY = 50


def make_signals(count, seed):
    """Eight states: two shaft speeds x four bearings (sound, inner ring, outer ring, cage), under noise and a hum."""
    random = np.random.default_rng(seed)
    time = np.arange(LENGTH) / LENGTH
    labels = random.integers(0, CLASSES, count)
    signals = np.zeros((count, LENGTH), dtype=np.float32)
    rates, rings = [0.0, 23.0, 31.0, 14.0], [0.0, 110.0, 125.0, 95.0]
    for i, label in enumerate(labels):
        speed, bearing = divmod(int(label), 4)
        shaft = (8.0, 10.5)[speed] * random.normal(1.0, 0.03)
        x = 0.6 * np.sin(2 * np.pi * (shaft * time + random.random()))
        x += 0.3 * np.sin(2 * np.pi * (2 * shaft * time + random.random()))
        if bearing:
            rate = rates[bearing] * random.normal(1.0, 0.03)
            ringing = rings[bearing] * random.normal(1.0, 0.04)
            beats = np.arange(-1, int(rate) + 2) / rate + random.random() / rate
            since = time[:, None] - beats[None, :]
            ring = np.where(since >= 0, np.exp(-np.clip(since, 0, None) * 70.0), 0.0)
            ring = ring * np.sin(2 * np.pi * ringing * np.clip(since, 0, None))
            x += random.uniform(0.9, 1.5) * ring.sum(axis=1)
        x += random.uniform(0.1, 0.5) * np.sin(2 * np.pi * (50.0 * time + random.random()))
        x += random.normal(0.0, 0.35, LENGTH)
        signals[i] = x * random.uniform(0.6, 1.6)
    return torch.from_numpy(signals)[:, None], torch.from_numpy(labels)


class Block(nn.Module):
    def __init__(self, inside, outside):
        super().__init__()
        self.conv = nn.Conv1d(inside, outside, 9, stride=2, padding=4)
        self.norm = nn.GroupNorm(4, outside)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Listener(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.blocks = nn.Sequential(Block(1, width), Block(width, width), Block(width, 2 * width), Block(2 * width, 2 * width))
        self.head = nn.Linear(4 * width, CLASSES)

    def forward(self, x):
        x = self.blocks(x)
        return self.head(torch.cat([x.mean(dim=-1), x.amax(dim=-1)], dim=1))


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    total, right, count = 0.0, 0, 0
    for signals, labels in loader:
        logits = model(signals)
        total += F.cross_entropy(logits, labels, reduction="sum").item()
        right += (logits.argmax(dim=1) == labels).sum().item()
        count += len(labels)
    model.train()
    return total / count, right / count


def main(name):
    set_seed(11)
    torch.set_num_threads(1)
    accelerator = Accelerator(gradient_accumulation_steps=ACCUMULATE, cpu=True)
    train = DataLoader(TensorDataset(*make_signals(3200, seed=1)), batch_size=MICRO_BATCH, shuffle=True)
    held_out = DataLoader(TensorDataset(*make_signals(800, seed=2)), batch_size=100)

    model = Listener()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)
    updates = EPOCHS * len(train) // ACCUMULATE
    warmup = 20
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda u: min(1.0, (u + 1) / warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, u / updates))))
    )
    model, optimizer, train, held_out, scheduler = accelerator.prepare(model, optimizer, train, held_out, scheduler)

    update, losses = 0, []
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for epoch in range(EPOCHS):
            for signals, labels in train:
                with accelerator.accumulate(model):
                    optimizer.zero_grad()
                    loss = F.cross_entropy(model(signals), labels)
                    accelerator.backward(loss)
                    losses.append(loss.detach())
                    optimizer.step()
                    scheduler.step()
                if accelerator.sync_gradients:
                    recorder.step(sum(losses) / len(losses))
                    update += 1
                    mean = float(sum(losses) / len(losses))
                    losses.clear()
                    if update % EVALUATE_EVERY == 0:
                        validation, accuracy = evaluate(model, held_out)
                        recorder.validation(validation, accuracy=accuracy)
                        accelerator.print(
                            f"epoch {epoch + 1} update {update}: loss {mean:.4f}, validation {validation:.4f}, accuracy {accuracy:.4f}, "
                            f"lr {scheduler.get_last_lr()[0]:.5f}"
                        )


if __name__ == "__main__":
    main(sys.argv[1])
