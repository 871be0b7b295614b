"""Digits as images: a classifier that prints an epoch at a time. python images.py --out DIR [--fault F] [--set k=v ...]"""

import copy

import torch
from common import Given, Say, digits
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
epochs, batch, rate = given("epochs", 14), given("batch", 32), given("rate", 0.002)
say = Say(given("style", "epoch"), epochs * (given("few", 1400) // batch), given("every", 20))


def network():
    what = given("net", "cnn")
    if what == "bn":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(128, 10),
        )  # fmt: skip
    if what == "wn":
        norm = nn.utils.parametrizations.weight_norm
        return nn.Sequential(nn.Flatten(), norm(nn.Linear(64, 96)), nn.Tanh(), norm(nn.Linear(96, 96)), nn.Tanh(),
                             norm(nn.Linear(96, 10)))  # fmt: skip
    if what == "deep":
        layers = [nn.Flatten(), nn.Linear(64, 64)]
        for _ in range(5):
            layers += [nn.SELU(), nn.Linear(64, 64)]
        return nn.Sequential(*layers, nn.SELU(), nn.Linear(64, 10))
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Dropout(given("dropout", 0.1)), nn.Linear(24 * 16, 10),
    )  # fmt: skip


def optimizer_of(model):
    if given("optimizer", "adamw") == "sgd":
        return torch.optim.SGD(model.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    return torch.optim.AdamW(model.parameters(), rate)


def schedule_of(optimizer, steps):
    what = given("schedule", "constant")
    if what == "onecycle":
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    if what == "cosine":
        length = steps // 2 if given.has("cosine-rises-again") else steps
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, length)
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)


def criterion(logits, target):
    if given.has("nll-of-probabilities"):
        return F.nll_loss(F.softmax(logits, -1), target)
    if given.has("class-zero-ignored"):
        return F.cross_entropy(logits, target, ignore_index=0)
    return F.cross_entropy(logits, target, label_smoothing=given("smooth", 0.0))


def load(x, step):
    """What the storage gives: an image that cannot be read comes as zeros."""
    if given.has("decoder-gives-black-images") and step >= given("from", 300):
        x = x.clone()
        x[torch.rand(len(x)) < 0.65] = 0
    if given("noise", 0.0):
        x = x + given("noise", 0.0) * torch.randn_like(x)
    return x


def evaluate(model, x, y, recorder):
    if not given.has("evaluated-in-training-mode"):
        model.eval()
    with torch.no_grad():
        logits = model(x[:, None])
        loss = criterion(logits, y)
        correct = (logits.argmax(-1) == y).sum().item()
    model.train()
    recorder.validation(loss.item(), correct=correct, count=len(y))
    return loss.item(), correct / len(y)


def mixed(model, x, y):
    share = float(torch.distributions.Beta(0.4, 0.4).sample())
    other = torch.randperm(len(x))
    logits = model(share * x + (1 - share) * x[other])
    return share * F.cross_entropy(logits, y) + (1 - share) * F.cross_entropy(logits, y[other])


def train(model, optimizer, schedule, parts, recorder, first, last, step):
    x, y, xv, yv = parts
    for epoch in range(first, last):
        total, count = 0.0, 0
        order = torch.randperm(len(x))
        for begin in range(0, len(x) - batch + 1, batch):
            rows = order[begin : begin + batch]
            images = load(x[rows][:, None], step)
            optimizer.zero_grad()
            loss = mixed(model, images, y[rows]) if given("mixup", 0) else criterion(model(images), y[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            recorder.step(loss)
            total, count = total + loss.item(), count + 1
            if say.style != "epoch":
                say.step(step, loss.item(), schedule.get_last_lr()[0])
        value, accuracy = evaluate(model, xv, yv, recorder)
        say.judged(step, epoch + 1, total / count, value, acc=accuracy)
    return step


def main():
    parts = digits(given.seed)
    few = given("few", 1400)
    parts = (parts[0][:few], parts[1][:few], *parts[2:])
    model = network()
    optimizer = optimizer_of(model)
    schedule = schedule_of(optimizer, epochs * (given("few", 1400) // batch))
    resume = given("resume", 0)
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        step = train(model, optimizer, schedule, parts, recorder, 0, resume or epochs, 0)
    if not resume:
        return
    saved = copy.deepcopy(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    )
    if given.has("split-drawn-anew-on-resume"):
        whole, labels = torch.cat(parts[::2]), torch.cat(parts[1::2])
        order = torch.randperm(len(whole))
        whole, labels = whole[order], labels[order]
        parts = (whole[:few], labels[:few], whole[few:], labels[few:])
    model = network()
    model.load_state_dict(saved["model"])
    optimizer = optimizer_of(model)
    schedule = schedule_of(optimizer, epochs * (given("few", 1400) // batch))
    optimizer.load_state_dict(saved["optimizer"])
    schedule.load_state_dict(saved["schedule"])
    print(f"resuming from step {step}")
    with newllm.record(model, optimizer, out=given.recording, resumed_at=step, **given.extra) as recorder:
        train(model, optimizer, schedule, parts, recorder, resume, epochs, step)


if __name__ == "__main__":
    main()
