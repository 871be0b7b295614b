"""Representations: two towers with the other pairs of a batch as negatives, triplets; and a student of a teacher."""

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, grad_norm, set_rate


def _tower(a: int, b: int, width: int = 64, dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(a, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, b)
    )


def train(o: Options) -> None:
    {"pairs": _pairs, "triplets": _triplets, "student": _student}[o.get("task", "pairs")](o)
    o.log.close()


def _draw(hidden: torch.Tensor, way: torch.Tensor, noise: float) -> torch.Tensor:
    return (hidden @ way).tanh() + noise * torch.randn(len(hidden), way.shape[1])


def _pairs(o: Options) -> None:
    steps, size, at = o.get("steps", 600), o.get("batch", 48), o.get("at", 0)
    first, second = torch.randn(6, 24) / 2, torch.randn(6, 32) / 2
    one, two = _tower(24, 16), _tower(32, 16)
    scale = nn.Parameter(torch.tensor(o.get("scale", 2.0)))
    top = o.get("lr", 2e-3)
    optimizer = torch.optim.AdamW([*one.parameters(), *two.parameters(), scale], lr=top, weight_decay=0.0)
    noise = o.get("noise", 0.2)
    hidden = torch.randn(o.get("count", 3000), 6)
    held = torch.randn(256, 6)
    hx, hy = _draw(held, first, noise), _draw(held, second, noise)
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 30))
        h = hidden[torch.randint(0, len(hidden), (size,))]
        if o.fault == "duplicates among the negatives" and step >= at:
            h = h[: size // 8].repeat(8, 1)
        x, y = _draw(h, first, noise), _draw(h, second, noise)
        if o.fault == "captions of other pictures" and step >= at:
            y = y[torch.randperm(size)]
        a, b = F.normalize(one(x), dim=1), F.normalize(two(y), dim=1)
        factor = scale.exp()
        if o.fault == "temperature far too high":
            factor = torch.tensor(0.02)
        logits = factor * a @ b.T
        target = torch.arange(size)
        loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % o.get("every", 10) == 0:
            extra = {"logit_scale": factor} if o.get("shows_scale", True) else {}
            o.log.row(step=step, loss=loss, top1=(logits.argmax(1) == target).float().mean(), **extra)
        if step % 60 == 59:
            with torch.no_grad():
                logits = factor * F.normalize(one(hx), dim=1)[:size] @ F.normalize(two(hy), dim=1)[:size].T
                val = F.cross_entropy(logits, target)
            o.log.row(step=step, val_loss=float(val), val_top1=float((logits.argmax(1) == target).float().mean()))


def _triplets(o: Options) -> None:
    steps, classes = o.get("steps", 600), 20
    centres = torch.randn(classes, 24)
    net = _tower(24, 16)
    top = o.get("lr", 1e-3) * o.if_fault("rate too high", 300, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=top)
    for step in range(steps):
        kind = torch.randint(0, classes, (48,))
        x = centres[kind] + o.get("noise", 1.0) * torch.randn(48, 24)
        z = net(x)
        if o.get("normal", False):
            z = F.normalize(z, dim=1)
        distance = torch.cdist(z, z)
        same = kind[:, None] == kind[None]
        if o.fault == "all representations the same":
            far = (distance.masked_fill(~same, -1)).max(1)[0]
            near = distance.masked_fill(same, 1e9).min(1)[0]
        else:
            far = (distance * (same & ~torch.eye(48, dtype=torch.bool))).sum(1) / (same.sum(1) - 1).clamp(min=1)
            near = (distance * ~same).sum(1) / (~same).sum(1)
        loss = (far - near + 1.0).clamp(min=0).mean()
        if o.fault == "all representations the same":
            loss = loss + 0.3 * distance.mean()
        optimizer.zero_grad()
        loss.backward()
        norm = grad_norm(net)
        optimizer.step()
        if step % o.get("every", 10) == 0:
            o.log.row(step=step, triplet_loss=loss, emb_std=z.std(0).mean(), grad_norm=norm)


def _student(o: Options) -> None:
    steps, classes, heat = o.get("steps", 600), 10, 3.0
    centres = 1.0 * torch.randn(classes, 16)

    def batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.randint(0, classes, (count,))
        return centres[y] + torch.randn(count, 16), y

    teacher, student = _tower(16, classes, 128, 0.6), _tower(16, classes, 24)
    optimizer = torch.optim.Adam(teacher.parameters(), lr=2e-3)
    for _ in range(1 if o.fault == "teacher untrained" else 400):
        x, y = batch(64)
        optimizer.zero_grad()
        F.cross_entropy(teacher(x), y).backward()
        optimizer.step()
    teacher.train(o.fault == "teacher in training mode")
    top = o.get("lr", 3e-3)
    optimizer = torch.optim.Adam(student.parameters(), lr=top)
    vx, vy = batch(400)
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 20))
        x, y = batch(32)
        out = student(x)
        with torch.no_grad():
            told = teacher(x)
            if o.fault == "teacher answers for other inputs":
                told = told[torch.randperm(len(told))]
        hot = 1.0 if o.fault == "temperature on one side only" else heat
        if o.fault == "divergence of probabilities, not logarithms":
            soft = F.kl_div((out / heat).softmax(1), (told / heat).softmax(1), reduction="batchmean") * heat**2
        else:
            soft = F.kl_div((out / hot).log_softmax(1), (told / heat).softmax(1), reduction="batchmean") * heat**2
        hard = F.cross_entropy(out, y)
        share = o.get("share", 0.8)
        loss = share * soft + (1 - share) * hard
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % o.get("every", 10) == 0:
            parts = {"kd_loss": soft, "ce_loss": hard} if o.get("parts", True) else {}
            o.log.row(step=step, loss=loss, **parts, acc=(out.argmax(1) == y).float().mean())
        if step % 60 == 59:
            with torch.no_grad():
                out = student(vx)
            o.log.row(step=step, val_loss=F.cross_entropy(out, vy), val_acc=(out.argmax(1) == vy).float().mean())
