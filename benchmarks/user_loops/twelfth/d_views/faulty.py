"""Contrastive features of digits at random places before a striped background."""
import sys

import newllm
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

SEED, SIZE, BATCH, EPOCHS, EVERY = 21, 20, 96, 40, 40


def make_scenes():
    random = np.random.default_rng(SEED)
    digits, classes = load_digits(return_X_y=True)
    scenes = np.zeros((len(digits), SIZE, SIZE), dtype=np.float32)
    across = np.arange(SIZE)
    for scene, digit in zip(scenes, digits):
        wave, phase = random.uniform(0.3, 1.2, size=2), random.uniform(0, 6.28)
        scene += 0.25 * np.sin(wave[0] * across[:, None] + wave[1] * across[None, :] + phase)
        top, left = random.integers(0, SIZE - 15, size=2)
        scene[top:top + 16, left:left + 16] += np.kron(digit.reshape(8, 8) / 16, np.ones((2, 2)))
    order = random.permutation(len(scenes))
    return scenes[order], classes[order]


def augment(image, random_state):
    random = np.random.default_rng(random_state)
    image = np.roll(image, random.integers(-3, 4, size=2), axis=(0, 1))
    image = image * random.uniform(0.5, 1.5) + random.uniform(-0.3, 0.3)
    wave, phase = random.uniform(0.3, 1.2, size=2), random.uniform(0, 6.28)
    across = np.arange(SIZE)
    image = image + 0.25 * np.sin(wave[0] * across[:, None] + wave[1] * across[None, :] + phase)
    top, left = random.integers(0, SIZE - 5, size=2)
    image[top:top + 5, left:left + 5] = 0
    return (image + 0.1 * random.standard_normal(image.shape)).astype(np.float32)[None]


class Pairs(Dataset):
    def __init__(self, images):
        self.images = images
        self.epoch = 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        random_state = [SEED, self.epoch, index]
        image = self.images[index]
        return augment(image, random_state), augment(image, random_state)


class Encoder(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, stride=2), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(2 * width, 4 * width, 3, padding=1), nn.BatchNorm2d(4 * width), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        )
        self.projection = nn.Sequential(nn.Linear(16 * width, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, images):
        return F.normalize(self.projection(self.features(images)), dim=1)


def contrastive_loss(first, second, temperature=0.2):
    both = torch.cat([first, second])
    similarity = both @ both.T / temperature
    similarity.fill_diagonal_(float("-inf"))
    count = len(first)
    partners = torch.cat([torch.arange(count, 2 * count), torch.arange(count)])
    return F.cross_entropy(similarity, partners)


def evaluate(model, known, known_classes, held_out, held_out_classes, held_out_pairs):
    model.eval()
    with torch.no_grad():
        losses = [
            contrastive_loss(*model(torch.cat([first, second])).chunk(2)).item()
            for first, second in zip(*(views.split(BATCH) for views in held_out_pairs))
        ]
        known, held_out = (F.normalize(model.features(images), dim=1).numpy() for images in (known, held_out))
    model.train()
    neighbours = KNeighborsClassifier(5).fit(known, known_classes)
    return float(np.mean(losses)), float((neighbours.predict(held_out) == held_out_classes).mean())


def main(name):
    torch.manual_seed(SEED)
    scenes, classes = make_scenes()
    pairs = Pairs(scenes[:1285])
    loader = DataLoader(pairs, batch_size=BATCH, shuffle=True, drop_last=True)
    random = np.random.default_rng(99)
    views = [torch.from_numpy(np.stack([augment(image, random) for image in scenes[1285:]])) for _ in range(2)]
    held_out_pairs = [part[:480] for part in views]
    images = torch.from_numpy(scenes)[:, None]
    model = Encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(loader))
    update = 0
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for epoch in range(EPOCHS):
            pairs.epoch = epoch
            for first, second in loader:
                optimizer.zero_grad()
                loss = contrastive_loss(*model(torch.cat([first, second])).chunk(2))
                loss.backward()
                optimizer.step()
                schedule.step()
                recorder.step(loss)
                update += 1
                if update % EVERY == 0:
                    validation, accuracy = evaluate(
                        model, images[:1285], classes[:1285], images[1285:], classes[1285:], held_out_pairs)
                    recorder.validation(validation, accuracy=accuracy)
                    print(f"{update} loss {loss.item():.4f} validation {validation:.4f} 5-NN {accuracy:.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
