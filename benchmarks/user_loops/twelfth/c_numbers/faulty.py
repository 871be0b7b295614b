"""Two handwritten digits on a noisy canvas: which number is it?"""
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

import newllm

HEIGHT, LENGTH = 14, 24
DIGITS = 10
BATCH = 32
UPDATES = 800
EVALUATE_EVERY = 25
EVALUATION_SEED = 1234


class Pool:
    def __init__(self, images, labels):
        self.images, self.labels = images, labels


def load():
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32) / 16
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return Pool(images[order[:1300]], labels[order[:1300]]), Pool(images[order[1300:]], labels[order[1300:]])


def compose(pool, count, generator=None):
    """Pictures of two digits of the pool, the left and the right one each at a random place, and which they are."""
    chosen = torch.randint(0, len(pool.images), (count, 2), generator=generator)
    rows = torch.randint(0, HEIGHT - 7, (count, 2), generator=generator).tolist()
    columns = torch.randint(0, LENGTH // 2 - 7, (count, 2), generator=generator).tolist()
    brightness = 0.6 + 0.8 * torch.rand(count, 2, 1, 1, generator=generator)
    parts = pool.images[chosen] * brightness
    pictures = 0.2 * torch.randn(count, 1, HEIGHT, LENGTH, generator=generator)
    for i in range(count):
        for side in range(2):
            row, column = rows[i][side], columns[i][side] + side * LENGTH // 2
            pictures[i, 0, row : row + 8, column : column + 8] += parts[i, side]
    return pictures, pool.labels[chosen]


class Reader(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.read = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(2 * width * (HEIGHT // 4) * (LENGTH // 4), 128),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(128, 2 * DIGITS),
        )

    def forward(self, pictures):
        return self.read(self.look(pictures)).view(-1, 2, DIGITS)


@torch.no_grad()
def evaluate(model, pool):
    generator = torch.manual_seed(EVALUATION_SEED)
    pictures, digits = compose(pool, 600, generator)
    model.eval()
    logits = model(pictures)
    model.train()
    right = logits.argmax(dim=2) == digits
    return F.cross_entropy(logits.flatten(0, 1), digits.flatten()).item(), right.float().mean().item(), right.all(dim=1).float().mean().item()


def main(name):
    torch.manual_seed(21)
    torch.set_num_threads(1)
    train, held_out = load()
    model = Reader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=UPDATES, pct_start=0.15)
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for update in range(1, UPDATES + 1):
            pictures, digits = compose(train, BATCH)
            loss = F.cross_entropy(model(pictures).flatten(0, 1), digits.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            recorder.step(loss)
            if update % EVALUATE_EVERY == 0:
                validation, accuracy, whole = evaluate(model, held_out)
                recorder.validation(validation, accuracy=accuracy)
                recorder.metrics({"numbers_right": whole})
                print(f"update {update}: loss {loss.item():.4f}, validation {validation:.4f}, accuracy {accuracy:.4f}, numbers {whole:.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
