"""Classifiers of small pictures: convolutions with batch-norm, augmentation, schedules, averages of weights."""

import copy
import math
import random
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, grad_norm, mean, set_rate

SIDE, CLASSES = 16, 6


def pictures(count: int, draw: torch.Generator, noise: float, weights: list[float]) -> tuple[torch.Tensor, ...]:
    """Draw bars, crosses, squares, rings, and two gratings at random places, in three colours."""
    y = torch.multinomial(torch.tensor(weights), count, replacement=True, generator=draw)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    place = torch.randint(4, SIDE - 4, (count, 2), generator=draw)
    r = (rows[None] - place[:, 0, None, None]).abs()
    c = (columns[None] - place[:, 1, None, None]).abs()
    big, far = torch.maximum(r, c), (r * r + c * c).float().sqrt()
    shapes = torch.stack([
        (r < 1) & (c < 4), (c < 1) & (r < 4), ((r < 1) | (c < 1)) & (big < 4), big < 3, (far > 2) & (far < 4),
        (r + c) == 3,
    ])  # fmt: skip
    x = shapes[y, torch.arange(count)].float()[:, None] * (0.4 + torch.rand(count, 3, 1, 1, generator=draw))
    return 255 * (x + noise * torch.randn(count, 3, SIDE, SIDE, generator=draw)).clamp(0, 2) / 2, y


class Net(nn.Module):
    """Three convolutions and a linear layer."""

    def __init__(self, width: int, momentum: float, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for size in (width, 2 * width, 2 * width):
            layers += [
                nn.Conv2d(before, size, 3, stride=2, padding=1),
                nn.BatchNorm2d(size, momentum=momentum),
                nn.ReLU(),
            ]
            before = size
        self.body = nn.Sequential(*layers)
        self.drop, self.head = nn.Dropout(dropout), nn.Linear(4 * before, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.body(x).flatten(1)))


class Trainer:
    """One training."""

    def __init__(self, o: Options) -> None:
        self.o = o
        draw = torch.Generator().manual_seed(o.seed)
        weights = o.get("weights", [1.0] * CLASSES)
        noise = o.get("noise", 0.25)
        self.x, self.y = pictures(o.get("count", 1600), draw, noise, weights)
        self.vx, self.vy = pictures(512, draw, noise, weights)
        if o.fault == "labels wrong in part":
            wrong = torch.rand(len(self.y), generator=draw) < o.get("part", 0.4)
            self.y = torch.where(wrong, torch.randint(0, CLASSES, self.y.shape, generator=draw), self.y)
        self.clean_y = self.y
        if o.get("sorted", False) or o.fault == "data sorted by class":
            order = self.y.argsort(stable=True)
            self.x, self.y = self.x[order], self.y[order]
        self.model = Net(
            o.get("width", 12), o.if_fault("norm statistics of one batch", 1.0, 0.1), o.get("dropout", 0.1)
        )
        if o.get("pretrained", False) and o.fault != "pre-trained weights not loaded":
            self._pretrain(noise)
        self.top = o.get("lr", 2e-3) * o.if_fault("rate too high", o.get("times", 100), 1)
        owner = self.model
        if o.fault == "optimizer of another model":
            owner = copy.deepcopy(self.model)
        if o.get("frozen", False):
            self.model.body.requires_grad_(False)
        parameters = [p for p in owner.parameters() if p.requires_grad or o.get("unfreeze", 0)]
        if o.get("sgd", False):
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(parameters, lr=self.top, momentum=0.9)
        else:
            decay = o.if_fault("weight decay far too large", 3.0, 1e-4)
            self.optimizer = torch.optim.AdamW(parameters, lr=self.top, weight_decay=decay)
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer,
            mode=o.if_fault("scheduler of the plateau asks for a maximum", "max", "min"),
            patience=1,
            factor=0.3,
        )
        self.best: float = math.inf
        self.kept: dict[str, Any] | None = None
        self.average: dict[str, torch.Tensor] | None = None
        self.averaged = 0
        self.weights = torch.tensor(weights)

    def _pretrain(self, noise: float) -> None:
        draw = torch.Generator().manual_seed(99)
        x, y = pictures(3000, draw, noise, [1.0] * CLASSES)
        optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        for step in range(400):
            i = torch.arange(32) + 32 * (step % 93)
            optimizer.zero_grad()
            F.cross_entropy(self.model(x[i] / 255), y[i]).backward()
            optimizer.step()
        nn.init.normal_(self.model.head.weight, std=0.02)
        nn.init.zeros_(self.model.head.bias)

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        o = self.o
        x = (x.to(torch.uint8) // 255).float() if o.fault == "integer division" else x / 255
        if o.get("augment", False):
            x = torch.roll(x, (random.randint(-2, 2), random.randint(-2, 2)), (2, 3))
        if o.fault == "erased nearly all":
            keep = torch.zeros(len(x), 1, SIDE, SIDE)
            for i in range(len(x)):
                a, b = random.randrange(SIDE - 5), random.randrange(SIDE - 5)
                keep[i, :, a : a + 6, b : b + 6] = 1
            x = x * keep
        return x

    def evaluate(self) -> tuple[float, float]:
        o = self.o
        model = self.model
        if self.average is not None:
            model = copy.deepcopy(self.model)
            weights = self.average
            if o.fault != "averaged model without its norm statistics":
                weights = weights | {k: v for k, v in self.model.state_dict().items() if "running" in k}
            model.load_state_dict(weights, strict=False)
            if o.fault == "averaged model without its norm statistics":
                for module in model.modules():
                    if isinstance(module, nn.BatchNorm2d):
                        module.reset_running_stats()
        if o.fault != "evaluation forgets its mode":
            model.eval()
        x = self.vx / (1.0 if o.fault == "validation not scaled" else 255.0)
        if o.fault == "validation colours turned round":
            x = x.flip(1) * torch.tensor([0.3, 1.0, 1.9]).view(1, 3, 1, 1)
        with torch.no_grad():
            out = torch.cat([model(part) for part in x.split(128)])
            result = float(F.cross_entropy(out, self.vy)), float((out.argmax(1) == self.vy).float().mean())
        if o.fault != "stays in evaluation mode":
            self.model.train()
        return result

    def batch(self, i: torch.Tensor, step: int) -> tuple[torch.Tensor, ...]:
        o = self.o
        x, y = self.prepare(self.x[i]), self.y[i]
        if o.fault == "loader delivers zeros" and step >= o.get("at", 0):
            x, y = torch.zeros_like(x), torch.zeros_like(y)
        if o.fault == "targets permuted from a step on" and step >= o.get("at", 0):
            y = y[torch.randperm(len(y))]
        return x, y

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        o = self.o
        if o.get("mixup", False):
            share = random.betavariate(1.0, 1.0)
            other = torch.randperm(len(x))
            out = self.model(share * x + (1 - share) * x[other])
            if o.fault == "mixed pictures with one label":
                return F.cross_entropy(out, y), out
            return share * F.cross_entropy(out, y) + (1 - share) * F.cross_entropy(out, y[other]), out
        out = self.model(x)
        if o.fault == "softmax twice":
            return F.cross_entropy(out.softmax(1), y), out
        weight = None
        if o.get("balanced", False):
            share = self.weights / self.weights.sum()
            weight = share**2 if o.fault == "weights of classes turned round" else 1 / share
            weight = weight / weight.mean()
        smoothing = o.get("smoothing", 0.0)
        return F.cross_entropy(out, y, weight=weight, label_smoothing=smoothing), out

    def train(self) -> None:
        o = self.o
        size, epochs = o.get("batch", 32), o.get("epochs", 12)
        per = math.ceil(len(self.x) / size)
        total, step = epochs * per, 0
        o.log.per_epoch, o.log.total = per, total
        for epoch in range(epochs):
            shuffled = o.fault != "data sorted by class"
            order = torch.randperm(len(self.x)) if shuffled else torch.arange(len(self.x))
            if epoch == o.get("unfreeze", -1):
                self.model.body.requires_grad_(True)
                if o.fault == "unfrozen with a high rate":
                    self.top *= o.get("times", 60)
            losses, hits = [], []
            for i in order.split(size):
                x, y = self.batch(i, step)
                kind = o.get("schedule", "cosine")
                if kind == "cosine":
                    set_rate(self.optimizer, cosine(step, total, self.top, 20, 0.01))
                elif kind == "restarts":
                    set_rate(self.optimizer, cosine(step % (per * 3), per * 3, self.top, 1, 0.01))
                elif kind == "constant":
                    set_rate(self.optimizer, self.top)
                self.optimizer.zero_grad()
                loss, out = self.loss(x, y)
                loss.backward()
                norm = grad_norm(self.model)
                self.optimizer.step()
                losses.append(loss.item())
                hits.append(float((out.argmax(1) == y).float().mean()))
                if o.get("per_step", False) and step % o.get("every", 10) == 0:
                    shown = mean(losses) if o.get("running", False) else losses[-1]
                    extra = {"lr": self.optimizer.param_groups[0]["lr"]} if "lr" in o.get("shows", ()) else {}
                    extra |= {"grad_norm": norm} if "norm" in o.get("shows", ()) else {}
                    extra |= {"acc": hits[-1]} if "acc" in o.get("shows", ()) else {}
                    o.log.row(step=step, loss=shown, **extra)
                step += 1
            self.end_of_epoch(epoch, step, mean(losses), mean(hits))
        o.log.close()

    def end_of_epoch(self, epoch: int, step: int, loss: float, accuracy: float) -> None:
        o = self.o
        if o.get("average_from", 0) and epoch >= o.get("average_from", 0):
            state = self.model.state_dict()
            self.averaged += 1
            old = self.average or {k: v.clone() for k, v in state.items()}
            self.average = {
                k: old[k] + (v - old[k]) / self.averaged if v.is_floating_point() else v for k, v in state.items()
            }
        if epoch % o.get("every_eval", 1) == 0:
            val_loss, val_accuracy = self.evaluate()
        else:
            val_loss, val_accuracy = None, None
        if o.get("schedule", "cosine") == "plateau" and val_loss is not None:
            self.plateau.step(val_loss)
        if o.fault == "worst weights loaded each epoch":
            if val_loss is not None and (self.kept is None or val_loss > self.best):
                self.best, self.kept = val_loss, copy.deepcopy(self.model.state_dict())
            if epoch % 3 == 2 and self.kept is not None:
                self.model.load_state_dict(self.kept)
        count = o.if_fault("accuracy divided wrongly", 512.0 * 32 / 4, 512.0) / 512
        if o.get("per_step", False):
            o.log.row(step=step, val_loss=val_loss, val_acc=val_accuracy / count if val_accuracy is not None else None)
            return
        rate = self.optimizer.param_groups[0]["lr"] if "lr" in o.get("shows", ()) else None
        o.log.row(
            epoch=epoch + 1, loss=loss, accuracy=accuracy / count, val_loss=val_loss, val_accuracy=val_accuracy and
            val_accuracy / count, lr=rate,
        )  # fmt: skip


def train(o: Options) -> None:
    Trainer(o).train()
