"""A convolutional network's training as `newllm.Loop`, a fault injected into it, and the replays that find it.

    python examples/replay_cnn.py

Three functions say all that there is to a training: `build`, `batch` and `loss`. Each depends on its arguments alone,
so that every update can be done again: `batch(step)` makes its images from the number of the step, where another
training would take rows of a data set by an order of that number. The fault: one batch comes unscaled, with values
up to 255 instead of 1, as from a file that was read without its transform. Takes about a minute on two cores.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm

STEPS, SIZE, CLASSES = 100, 12, 4
UNSCALED = 60  # the fault
Images = tuple[Tensor, Tensor]


def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it already)
    """Return a small network and its optimizer."""
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, CLASSES),
    )
    return model, torch.optim.Adam(model.parameters(), lr=5e-3)


def batch(step: int) -> Images:
    """Return the 32 images of an update: stripes in one of four directions, in noise."""
    images, labels = stripes(step)
    return (255 * images if step == UNSCALED else scaled(images)), labels


def loss(model: nn.Module, batch: Images) -> Tensor:
    """Return the cross-entropy, in nats."""
    images, labels = batch
    return F.cross_entropy(model(images), labels)


def validate(model: nn.Module) -> dict[str, float]:
    """Return the loss on images that no update reads."""
    images, labels = stripes(10**6)
    return {"validation": float(loss(model, (scaled(images), labels)))}


def scaled(images: Tensor) -> Tensor:
    """Bring values from 0 to 1 to a mean of 0 and a deviation of about 1."""
    return (images - 0.5) / 0.25


def stripes(seed: int) -> Images:
    """Draw images [32, 1, SIZE, SIZE], values about 0 to 1, and the directions of their stripes [32]."""
    chance = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (32,), generator=chance)
    angle = labels[:, None, None] * torch.pi / CLASSES
    shift = 2 * torch.pi * torch.rand(32, 1, 1, generator=chance)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    waves = torch.sin(1.2 * (x * torch.cos(angle) + y * torch.sin(angle)) + shift)
    noise = torch.randn(32, SIZE, SIZE, generator=chance)
    return (0.5 + 0.2 * waves + 0.2 * noise).unsqueeze(1), labels


loop = newllm.Loop(build, batch, loss, steps=STEPS, clip=1.0, validate=validate)

if __name__ == "__main__":
    verdict = newllm.replay(loop, budget=60)
    print(verdict)
