"""Body key-point regression on rendered front-view figures."""
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import newllm

SIZE = 40
NAMES = ["head", "neck", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_hand", "r_hand", "hip",
         "l_knee", "r_knee", "l_foot", "r_foot"]
BONES = [(0, 1), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7), (1, 8), (8, 9), (8, 10), (9, 11), (10, 12)]


def pose(rng):
    """Points in pixels; the person faces the camera, so their left side is at the right of the picture."""
    s = rng.uniform(0.8, 1.1)
    hip = np.array([rng.uniform(16, 24), rng.uniform(21, 25)])
    neck = hip + s * np.array([rng.normal(0, 1), -10])
    head = neck + s * np.array([rng.normal(0, 0.7), -4])
    points = {"hip": hip, "neck": neck, "head": head}
    for side, sign in (("l", 1), ("r", -1)):
        shoulder = neck + s * np.array([sign * 3.5, 1])
        a = rng.uniform(-0.3, 2.2)
        b = a + rng.uniform(-0.7, 0.9)
        elbow = shoulder + s * 5 * np.array([sign * math.sin(a), math.cos(a)])
        hand = elbow + s * 5 * np.array([sign * math.sin(b), math.cos(b)])
        c = rng.uniform(0.1, 0.7)
        d = c + rng.uniform(-0.4, 0.2)
        knee = hip + s * 7 * np.array([sign * math.sin(c), math.cos(c)])
        foot = knee + s * 6 * np.array([sign * math.sin(d), math.cos(d)])
        points.update({f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_hand": hand,
                       f"{side}_knee": knee, f"{side}_foot": foot})
    return np.stack([points[n] for n in NAMES])


def render(points, rng):
    ys, xs = np.mgrid[0:SIZE, 0:SIZE]
    image = np.zeros((SIZE, SIZE))
    for i, j in BONES:
        for t in np.linspace(0, 1, 7):
            x, y = points[i] * (1 - t) + points[j] * t
            image = np.maximum(image, np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 1.2))
    x, y = points[0]
    image = np.maximum(image, np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 5))
    image = image * rng.uniform(0.6, 1.0) + rng.uniform(0, 0.3) + rng.normal(0, 0.08, image.shape)
    return image


def make_set(count, seed):
    rng = np.random.default_rng(seed)
    poses = [pose(rng) for _ in range(count)]
    images = np.stack([render(p, rng) for p in poses])
    images = torch.tensor(images, dtype=torch.float32)[:, None]
    return images, torch.tensor(np.stack(poses), dtype=torch.float32) / (SIZE - 1)


def augment(images, points):
    images, points = images.clone(), points.clone()
    flip = torch.rand(len(images)) < 0.5
    images[flip] = images[flip].flip(-1)
    flipped = points[flip]
    flipped[..., 0] = 1 - flipped[..., 0]
    points[flip] = flipped
    images = images * (0.8 + 0.4 * torch.rand(len(images), 1, 1, 1))
    return images, points


class KeypointNet(nn.Module):
    def __init__(self):
        super().__init__()
        layers, width = [], 1
        for out in (16, 32, 48, 64):
            layers += [nn.Conv2d(width, out, 3, stride=2, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
            width = out
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64 * 9, 128), nn.ReLU(), nn.Linear(128, 2 * len(NAMES)))

    def forward(self, x):
        return self.head(self.features(x - 0.2)).view(-1, len(NAMES), 2)


@torch.no_grad()
def evaluate(model, images, points):
    model.eval()
    prediction = model(images)
    loss = F.smooth_l1_loss(prediction, points, beta=0.05).item()
    distance = (prediction - points).norm(dim=-1) * (SIZE - 1)
    model.train()
    return loss, (distance < 2.0).float().mean().item(), distance.mean().item()


def main():
    torch.manual_seed(0)
    train_x, train_y = make_set(4000, 1)
    val_x, val_y = make_set(500, 2)
    model = KeypointNet()
    epochs, batch = 14, 64
    per_epoch = len(train_x) // batch
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * per_epoch)
    with newllm.record(model, optimizer, out="runs/" + sys.argv[1]) as recorder:
        for epoch in range(epochs):
            order = torch.randperm(len(train_x))
            for i in range(per_epoch):
                index = order[i * batch:(i + 1) * batch]
                x, y = augment(train_x[index], train_y[index])
                optimizer.zero_grad()
                loss = F.smooth_l1_loss(model(x), y, beta=0.05)
                loss.backward()
                optimizer.step()
                scheduler.step()
                recorder.step(loss)
            val_loss, pck, pixels = evaluate(model, val_x, val_y)
            recorder.validation(val_loss)
            recorder.metrics({"pck": pck, "pixel_error": pixels})
            print(f"epoch {epoch + 1} loss {loss.item():.5f} val_loss {val_loss:.5f} "
                  f"pck@2px {pck:.3f} error {pixels:.2f}px", flush=True)


if __name__ == "__main__":
    main()
