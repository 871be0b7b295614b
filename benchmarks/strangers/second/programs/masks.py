"""Segmentation of blobs, with a Dice loss and cross-entropy; boxes of single blobs, with parts of a loss."""

import random

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, Values, cosine, grad_norm, set_rate

SIDE = 24


def scenes(
    count: int, draw: torch.Generator, noise: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return pictures of one bright blob in noise, its mask, its box (centre and size, 0 to 1), and its kind."""
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    size = torch.randint(2, 6, (count, 2), generator=draw)
    centre = torch.stack([torch.randint(6, SIDE - 6, (count,), generator=draw) for _ in range(2)], 1)
    kind = torch.randint(0, 3, (count,), generator=draw)
    r = (rows[None] - centre[:, 0, None, None]).abs() / size[:, 0, None, None]
    c = (columns[None] - centre[:, 1, None, None]).abs() / size[:, 1, None, None]
    distance = torch.where(
        kind[:, None, None] == 0,
        torch.maximum(r, c),
        torch.where(kind[:, None, None] == 1, r + c, (r * r + c * c).sqrt()),
    )
    mask = (distance <= 1).float()
    x = mask * 0.9 + noise * torch.randn(count, SIDE, SIDE, generator=draw)
    box = torch.cat([centre, 2 * size], 1).float() / SIDE
    return x[:, None], mask[:, None], box, kind


def _conv(a: int, b: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(a, b, 3, stride, 1), nn.GroupNorm(4, b), nn.ReLU())


class Net(nn.Module):
    """Down, up, and a way past."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = _conv(1, 8), _conv(8, 16, 2), _conv(16, 16)
        self.d, self.out = _conv(24, 8), nn.Conv2d(8, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.a(x)
        c = F.interpolate(self.c(self.b(a)), scale_factor=2)
        return self.out(self.d(torch.cat([a, c], 1)))


class Boxes(nn.Module):
    """A box and a kind."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(1, 12, 2), _conv(12, 24, 2), _conv(24, 24, 2), nn.Flatten())
        self.box, self.kind = nn.Linear(216, 4), nn.Linear(216, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.body(x)
        return self.box(h).sigmoid(), self.kind(h)


def dice(p: torch.Tensor, y: torch.Tensor, smooth: float) -> torch.Tensor:
    both = (p * y).sum((1, 2, 3))
    return (1 - (2 * both + smooth) / (p.sum((1, 2, 3)) + y.sum((1, 2, 3)) + smooth)).mean()


def iou(p: torch.Tensor, y: torch.Tensor) -> float:
    p = (p > 0.5).float()
    return float(((p * y).sum((1, 2, 3)) / ((p + y) > 0).float().sum((1, 2, 3)).clamp(min=1)).mean())


def train(o: Options) -> None:
    draw = torch.Generator().manual_seed(o.seed)
    noise = o.get("noise", 0.35)
    data, held = scenes(o.get("count", 900), draw, noise), scenes(200, draw, noise)
    (_segment if o.get("task", "masks") == "masks" else _detect)(o, data, held)
    o.log.close()


def _segment(o: Options, data: tuple[torch.Tensor, ...], held: tuple[torch.Tensor, ...]) -> None:
    steps, at, batch = o.get("steps", 500), o.get("at", 0), 8
    model = Net()
    top = o.get("lr", 3e-3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=top)
    x, y = data[0], data[1]
    vx, vy = held[0], held[1]
    if o.fault == "masks from 0 to 255":
        y, vy = y * 255, vy * 255
    smooth = o.if_fault("smoothing swamps the overlap", 1e5, 1.0)
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 20))
        i = torch.randint(0, len(x), (batch,))
        bx, by = x[i], y[i]
        if random.random() < 0.5:
            bx = bx.flip(3)
            by = by if o.fault == "mask not turned with its picture" and step >= at else by.flip(3)
        out = model(bx)
        if o.fault == "background ignored":
            cross = (F.binary_cross_entropy_with_logits(out, by, reduction="none") * (by > 0)).mean()
        elif o.fault == "sigmoid twice":
            cross = F.binary_cross_entropy_with_logits(out.sigmoid(), by)
        else:
            cross = F.binary_cross_entropy_with_logits(out, by)
        overlap = dice(out.sigmoid(), by, smooth)
        use = o.get("parts", "both")
        loss = overlap if use == "dice" else cross if use == "cross" else cross + overlap
        optimizer.zero_grad()
        loss.backward()
        norm = grad_norm(model)
        optimizer.step()
        if step % o.get("every", 10) == 0:
            shown: Values = {"loss": loss}
            if use == "both":
                shown |= {"loss_bce": cross, "loss_dice": overlap}
            if "norm" in o.get("shows", ()):
                shown["grad_norm"] = norm
            if "lr" in o.get("shows", ("lr",)):
                shown["lr"] = optimizer.param_groups[0]["lr"]
            o.log.row(step=step, **shown)
        if step % o.get("every_eval", 50) == 49:
            with torch.no_grad():
                out = model(vx)
                val = F.binary_cross_entropy_with_logits(out, vy)
                if use == "dice":
                    val = dice(out.sigmoid(), vy, smooth)
                elif use == "both":
                    val = val + dice(out.sigmoid(), vy, smooth)
            o.log.row(step=step, val_loss=float(val), val_iou=iou(out.sigmoid(), (vy > 0).float()))


def _overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    low = torch.maximum(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2)
    high = torch.minimum(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    both = (high - low).clamp(min=0).prod(1)
    return float((both / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - both).clamp(min=1e-6)).mean())


def _detect(o: Options, data: tuple[torch.Tensor, ...], held: tuple[torch.Tensor, ...]) -> None:
    steps, batch = o.get("steps", 600), 16
    model = Boxes()
    top = o.get("lr", 2e-3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=top)
    x, _, box, kind = data
    vx, _, vbox, vkind = held
    if o.fault == "boxes in another format in evaluation":
        vbox = torch.cat([vbox[:, :2] - vbox[:, 2:] / 2, vbox[:, :2] + vbox[:, 2:] / 2], 1)
    if o.fault == "classes of two sets mixed up":
        vkind = (vkind + 1) % 3
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 20))
        i = torch.randint(0, len(x), (batch,))
        guess, logits = model(x[i])
        matched = torch.ones(batch)
        if o.fault == "nothing ever matches":
            matched = (_ious(guess.detach(), box[i]) > 0.97).float()
        scale = o.if_fault("box loss in pixels", 640.0, 1.0)
        part = F.smooth_l1_loss(scale * guess, scale * box[i], reduction="none", beta=o.get("beta", 0.1)).sum(1)
        box_loss = (part * matched).sum() / matched.sum().clamp(min=1)
        target = torch.where(matched > 0, kind[i], torch.full_like(kind[i], 3))
        class_loss = F.cross_entropy(logits, target)
        loss = 2 * box_loss + class_loss
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        if step % o.get("every", 10) == 0:
            o.log.row(
                step=step, total_loss=loss, box_loss=box_loss, cls_loss=class_loss, lr=optimizer.param_groups[0]["lr"]
            )
        if step % o.get("every_eval", 60) == 59:
            with torch.no_grad():
                guess, logits = model(vx)
                good = float((logits.argmax(1) == vkind).float().mean())
                val = float(2 * F.smooth_l1_loss(guess, vbox, beta=0.1) * 4 + F.cross_entropy(logits, vkind))
            o.log.row(step=step, val_loss=val, val_acc=good, val_iou=_overlap(guess, vbox))


def _ious(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.tensor([_overlap(a[k : k + 1], b[k : k + 1]) for k in range(len(a))])
