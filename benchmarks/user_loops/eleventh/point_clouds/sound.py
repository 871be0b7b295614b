"""PointNet on point clouds of eight solids."""
import copy
import math
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

import newllm

SEED = 7
CLASSES = ["sphere", "box", "cylinder", "cone", "torus", "pyramid", "ellipsoid", "capsule"]
POINTS = 128
TRAIN, VAL = 2400, 800
BATCH_SIZE = 32
EPOCHS = 10
LR = 2e-3
EMA_DECAY = 0.9

torch.manual_seed(SEED)


def rotation(generator):
    q = F.normalize(torch.randn(4, generator=generator), dim=0)
    w, x, y, z = q.tolist()
    return torch.tensor([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])


def solid(label, n, generator):
    """n points on the surface of a solid of random proportions."""
    u, v, w = torch.rand(3, n, generator=generator)
    s = torch.rand(2, generator=generator)
    phi = 2 * math.pi * u
    name = CLASSES[label]
    if name in ("sphere", "ellipsoid", "capsule"):
        p = F.normalize(torch.randn(n, 3, generator=generator), dim=1)
        if name == "ellipsoid":
            p = p * torch.tensor([1.0, 0.55 + 0.25 * s[0], 0.3 + 0.2 * s[1]])
        if name == "capsule":
            p[:, 2] += p[:, 2].sign() * (0.6 + 0.6 * s[0]) * v
        return p
    if name == "box":
        p = torch.rand(n, 3, generator=generator) * 2 - 1
        axis = torch.randint(3, (n,), generator=generator)
        p[torch.arange(n), axis] = (w > 0.5).float() * 2 - 1
        return p * torch.tensor([1.0, 0.6 + 0.4 * s[0], 0.5 + 0.5 * s[1]])
    if name == "cylinder":
        cap = w < 0.3
        r = torch.where(cap, v.sqrt(), torch.ones(n))
        z = torch.where(cap, (v * 1000 % 2).floor() * 2 - 1, v * 2 - 1) * (0.8 + 0.6 * s[0])
        return torch.stack([r * phi.cos(), r * phi.sin(), z], dim=1)
    if name == "cone":
        r = v.sqrt()
        z = torch.where(w < 0.3, torch.zeros(n), 1 - r) * (1.4 + 0.8 * s[0])
        return torch.stack([r * phi.cos(), r * phi.sin(), z], dim=1)
    if name == "torus":
        tube, theta = 0.25 + 0.15 * s[0], 2 * math.pi * v
        r = 1 + tube * theta.cos()
        return torch.stack([r * phi.cos(), r * phi.sin(), tube * theta.sin()], dim=1)
    r = v.sqrt()
    edge = torch.rand(n, generator=generator) * 2 - 1
    side = torch.randint(4, (n,), generator=generator)
    x = torch.where(side < 2, side.float() * 2 - 1, edge)
    y = torch.where(side < 2, edge, side.float() * 2 - 5)
    z = torch.where(w < 0.3, torch.zeros(n), 1 - r) * (1.3 + 0.7 * s[0])
    return torch.stack([r * x, r * y, z], dim=1)


def make_clouds(count, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(CLASSES), (count,), generator=generator)
    clouds = []
    for label in labels.tolist():
        p = solid(label, POINTS, generator) @ rotation(generator).T
        p = p - p.mean(0)
        p = p / p.norm(dim=1).max()
        clouds.append(p + 0.02 * torch.randn(POINTS, 3, generator=generator))
    return TensorDataset(torch.stack(clouds), labels)


class PointNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(3, 64, 1, bias=False), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Conv1d(64, 96, 1, bias=False), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 256, 1, bias=False), nn.BatchNorm1d(256))
        self.head = nn.Sequential(
            nn.Linear(512, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(),
            nn.Dropout(0.2), nn.Linear(128, classes))

    def forward(self, points):
        f = self.features(points.transpose(1, 2))
        return self.head(torch.cat([f.amax(2), f.mean(2)], dim=1))


class ModelEMA:
    def __init__(self, model, decay):
        self.module = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for ema, new in zip(self.module.state_dict().values(), model.state_dict().values()):
            if ema.dtype.is_floating_point:
                ema.mul_(self.decay).add_(new, alpha=1 - self.decay)
            else:
                ema.copy_(new)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    loss, correct, count = 0.0, 0, 0
    for points, labels in loader:
        logits = model(points)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        correct += (logits.argmax(1) == labels).sum().item()
        count += len(labels)
    return loss / count, correct / count


def main():
    run = sys.argv[1]
    train_set, val_set = make_clouds(TRAIN, SEED), make_clouds(VAL, SEED + 1)
    train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=200)

    model = PointNet(len(CLASSES))
    ema = ModelEMA(model, EMA_DECAY)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-2)
    steps = EPOCHS * len(train_loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, total_steps=steps, pct_start=0.2)

    step = 0
    with newllm.record(model, optimizer, out="runs/" + run) as recorder:
        for epoch in range(EPOCHS):
            model.train()
            for points, labels in train_loader:
                loss = F.cross_entropy(model(points), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                ema.update(model)
                recorder.step(loss)
                step += 1
            val_loss, accuracy = evaluate(ema.module, val_loader)
            recorder.validation(val_loss)
            recorder.metrics({"accuracy": accuracy})
            print(f"epoch {epoch + 1}  step {step}  train {loss.item():.4f}  "
                  f"val {val_loss:.4f}  accuracy {accuracy:.3f}", flush=True)


if __name__ == "__main__":
    main()
