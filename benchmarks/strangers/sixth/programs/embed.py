"""Digits embedded by contrast or by pairs. python embed.py --out DIR [--fault F] [--set k=v ...]"""

import torch
from common import Given, Say, digits
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
what, epochs, batch, rate = given("what", "contrast"), given("epochs", 14), given("batch", 50), given("rate", 0.002)
X, Y, V, W = digits(given.seed)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(192, 64),
                                  nn.ReLU(), nn.Linear(64, 24))  # fmt: skip

    def forward(self, x):
        return self.body(x[:, None])


def view(x):
    """Shifted by up to a pixel, and noisy."""
    shift = torch.randint(-1, 2, (2,)).tolist()
    return x.roll(shift, (1, 2)) + 0.1 * torch.randn_like(x)


def contrast(a, b, temperature):
    z = F.normalize(torch.cat([a, b]), dim=-1)
    scores = z @ z.t() / temperature
    if not given.has("self-similarity-not-masked"):
        scores = scores.masked_fill(torch.eye(len(z)).bool(), -1e9)
    count = len(a)
    return F.cross_entropy(scores, torch.cat([torch.arange(count, 2 * count), torch.arange(count)]))


def pair_loss(a, b, same):
    eps = 0.0 if given.has("root-of-zero") else 1e-8
    apart = ((a - b).pow(2).sum(1) + eps).sqrt()
    return (same * apart**2 + (1 - same) * F.relu(1.0 - apart) ** 2).mean()


def listed(y, count, careful):
    """A list of pairs; the careful one has no image beside itself."""
    first = torch.randint(len(y), (count,))
    second = torch.randint(len(y), (count,))
    for i in range(0, count, 2):
        mates = (y == y[first[i]]).nonzero()[:, 0]
        second[i] = mates[torch.randint(len(mates), (1,))]
    if careful:
        second = torch.where(first == second, (second + 1) % len(y), second)
    return first, second, (y[first] == y[second]).float()


def nearest(model):
    """The share of validation images whose nearest neighbour among the others has their digit."""
    z = F.normalize(model(V), dim=-1)
    scores = z @ z.t() - 2 * torch.eye(len(z))
    return (W[scores.argmax(1)] == W).float().mean().item()


def main():
    model = Encoder()
    if given("optimizer", "adam") == "rms":
        optimizer = torch.optim.RMSprop(model.parameters(), rate)
    else:
        optimizer = torch.optim.Adam(model.parameters(), rate)
    per_epoch = len(X) // batch
    say = Say(given("style", "logging"), epochs * per_epoch)
    half = epochs * per_epoch * batch // 2
    one, two = listed(Y, half, True), listed(Y, half, False)  # two files of pairs; the second is of another author
    pairs = tuple(torch.cat(parts) for parts in zip(one, two, strict=True))
    torch.manual_seed(given.seed + 1)
    held = listed(W, 400, True)
    step = 0
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for epoch in range(epochs):
            order, total = torch.randperm(len(X)), 0.0
            for begin in range(0, per_epoch * batch, batch):
                if what == "contrast":
                    x = X[order[begin : begin + batch]]
                    loss = contrast(model(view(x)), model(view(x)), given("temperature", 0.2))
                else:
                    chosen = slice(step * batch, (step + 1) * batch)
                    loss = pair_loss(model(X[pairs[0][chosen]]), model(X[pairs[1][chosen]]), pairs[2][chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                recorder.step(loss)
                total += loss.item()
                say.step(step, loss.item(), rate)
            model.eval()
            with torch.no_grad():
                if what == "contrast":
                    value = sum(contrast(model(view(part)), model(view(part)), given("temperature", 0.2)).item()
                                for part in V[:350].split(50)) / 7  # fmt: skip
                else:
                    value = pair_loss(model(V[held[0]]), model(V[held[1]]), held[2]).item()
                share = nearest(model)
            model.train()
            recorder.validation(value)
            recorder.metrics({"nearest_accuracy": share})
            say.judged(step, epoch + 1, total / per_epoch, value, nearest=share)


if __name__ == "__main__":
    main()
