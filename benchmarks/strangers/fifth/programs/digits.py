"""Plain loop: a classifier of sklearn's digits."""

import copy

import torch
from common import Printer, batches, digits, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(
    net="mlp", epochs=12, size=32, rate=1e-3, optimizer="adam", schedule="none", dropout=0.0, smooth=0.0, rare=0,
    resume=0, pretrained=0, decay=0.0, weighted=0,
)  # fmt: skip
say = Printer(o.style)
x, y, vx, vy = digits(o.seed)
x = (x - 4.9) / 6
vx = vx / 16 if o.fault == "validation-scaled-otherwise" else (vx - 4.9) / 6
if o.rare:  # classes 0 to 4 are rare in training
    keep = (y >= 5) | (torch.rand(len(y)) < 1 / o.rare)
    x, y = x[keep], y[keep]


class Net(nn.Module):
    """Two layers or a small convolution, and a head."""

    def __init__(self, classes=10):
        super().__init__()
        if o.net == "cnn":
            self.body = nn.Sequential(
                nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
                nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
            )  # fmt: skip
            width = 512
        else:
            self.body = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Dropout(o.dropout), nn.Linear(96, 96), nn.ReLU())
            width = 96
        self.drop = nn.Dropout(o.dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        """Logits."""
        out = self.head(self.drop(self.body(x)))
        return F.relu(out) if o.fault == "relu-on-logits" else out


def optimizer_for(parameters):
    if o.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=o.rate, momentum=0.9, weight_decay=o.decay)
    return torch.optim.AdamW(parameters, lr=o.rate, weight_decay=o.decay)


def pretrain(model):
    """On the odd digits only, as the checkpoint that somebody downloaded was."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    odd = (y % 2 == 1).nonzero()[:, 0]
    for _ in range(4):
        for part in batches(len(odd), 32):
            optimizer.zero_grad()
            F.cross_entropy(model(x[odd[part]]), y[odd[part]]).backward()
            optimizer.step()


def evaluate(model):
    model.eval()
    with torch.no_grad():
        out = model(vx)
        loss, right = F.cross_entropy(out, vy).item(), int((out.argmax(1) == vy).sum())
    model.train()
    return loss, right


def train(model, optimizer, recorder, epochs, step=0):
    per_epoch = -(-len(y) // o.size)
    schedule = None
    if o.schedule == "restarts":
        schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3 * per_epoch)
    weights = 1 / torch.bincount(y, minlength=10).float().clamp(min=1) if o.weighted else None
    for epoch in epochs:
        total, correct = 0.0, 0
        where = torch.randperm(len(y))
        shuffled = x[where]
        labels = y if o.fault == "labels-not-permuted" else y[where]
        for first in range(0, len(y), o.size):
            bx, by = shuffled[first : first + o.size], labels[first : first + o.size]
            optimizer.zero_grad()
            out = model(bx)
            loss = F.cross_entropy(out, by, weight=weights, label_smoothing=o.smooth)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if schedule:
                schedule.step()
            step += 1
            total += loss.item() * len(by)
            correct += int((out.argmax(1) == by).sum())
        value, right = evaluate(model)
        recorder.validation(value, correct=right, count=len(vy))
        say(
            epoch=epoch + 1, step=step, lr=float(optimizer.param_groups[0]["lr"]), train_loss=total / len(y),
            train_acc=correct / len(y), val_loss=value, val_acc=right / len(vy),
        )  # fmt: skip
    return step


model = Net()
if o.pretrained:
    pretrain(model)
    for weight in model.body.parameters():
        weight.requires_grad_(o.pretrained == 2)
optimizer = optimizer_for([p for p in model.parameters() if p.requires_grad])
if o.pretrained:
    torch.manual_seed(o.seed + 1)
    model.head = nn.Linear(model.head.in_features, 10)  # a new head for all ten digits
    if o.fault != "head-not-in-optimizer":
        optimizer = optimizer_for([p for p in model.parameters() if p.requires_grad])
folder = o.out / "recording"
if not o.resume:
    with newllm.record(model, optimizer, out=folder) as recorder:
        train(model, optimizer, recorder, range(o.epochs))
else:
    with newllm.record(model, optimizer, out=folder) as recorder:
        step = train(model, optimizer, recorder, range(o.resume))
    prefix = "module." if o.fault == "resume-loads-nothing" else ""  # saved from a wrapped model
    saved = {prefix + name: value for name, value in copy.deepcopy(model.state_dict()).items()}
    moments = copy.deepcopy(optimizer.state_dict())
    model = Net()
    optimizer = optimizer_for(model.parameters())
    model.load_state_dict(saved, strict=False)
    if o.fault != "resume-loads-nothing":
        optimizer.load_state_dict(moments)
    say(resumed_from=step)
    with newllm.record(model, optimizer, out=folder, resumed_at=step) as recorder:
        train(model, optimizer, recorder, range(o.resume, o.epochs), step)
