"""A transformer on characters, much as nanoGPT does it. python chars.py --out DIR [--fault F] [--set k=v ...]"""

import copy
import math
import random

import torch
from common import Given, Lion, Say, text
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
size, heads, layers, block = given("size", 48), 4, given("layers", 2), given("block", 32)
batch, steps, rate = given("batch", 16), given("steps", 600), given("rate", 0.002)
say = Say(given("style", "nano"), steps, given("every", 10))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.between = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.feed = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))
        self.drop = nn.Dropout(given("dropout", 0.0))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, heads, C // heads).transpose(1, 2) for t in self.qkv(self.before(x)).split(C, -1))
        scores = q @ k.transpose(-2, -1) / math.sqrt(C // heads)
        scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), float("-inf"))
        weights = scores.softmax(-2 if given.has("softmax-over-queries") else -1)
        x = x + self.drop(self.out((weights @ v).transpose(1, 2).reshape(B, T, C)))
        return x + self.drop(self.feed(self.between(x)))


class Model(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, size)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))
        self.last, self.head = nn.LayerNorm(size), nn.Linear(size, vocabulary, bias=False)
        nn.init.normal_(self.embed.weight, std=0.05)
        if given("tied", 0):
            self.head.weight = self.embed.weight
        place, wave = torch.arange(512)[:, None], torch.exp(torch.arange(0, size, 2) * (-math.log(1e4) / size))
        table = torch.zeros(512, size)
        table[:, ::2], table[:, 1::2] = torch.sin(place * wave), torch.cos(place * wave)
        self.register_buffer("places", table * 0.3)

    def forward(self, ids):
        x = self.embed(ids)
        if given.has("positions-along-the-batch"):
            x = x + self.places[: x.size(0)].unsqueeze(1)
        else:
            x = x + self.places[: x.size(1)]
        for part in self.blocks:
            x = part(x)
        return self.head(self.last(x))


def optimizer_of(model):
    what = given("optimizer", "adamw")
    if what == "lion":
        return Lion(model.parameters(), rate, weight_decay=0.3)
    if what == "adafactor":
        return torch.optim.Adafactor(model.parameters(), rate)
    return torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.95), weight_decay=0.1)


def factor(step):
    what = given("schedule", "cosine")
    warm = min(1.0, (step + 1) / 40)
    if what == "wsd":
        return warm * min(1.0, (steps - step) / (0.25 * steps))
    return warm * (1.0 if what == "constant" else 0.1 + 0.45 * (1 + math.cos(math.pi * step / steps)))


def garbage(amount):
    """A file of another kind that lies in the folder."""
    draw = random.Random(1)
    return torch.tensor([draw.randrange(len(letters)) for _ in range(amount)])


written = text(given("sentences", 2500), given.seed)
letters = sorted(set(written))
DATA = torch.tensor([letters.index(c) for c in written])
SPLIT = int(0.9 * len(DATA))


def batch_of(data, length):
    starts = torch.randint(len(data) - length - 1, (batch,))
    return (
        torch.stack([data[s : s + length] for s in starts]),
        torch.stack([data[s + 1 : s + length + 1] for s in starts]),
    )


def loss_of(model, x, y):
    logits = model(x)
    return F.cross_entropy(logits.view(-1, logits.size(-1)), y.reshape(-1))


@torch.no_grad()
def evaluate(model, train, validation):
    model.eval()
    if given.has("seeded-at-each-evaluation"):
        torch.manual_seed(1337)
    found = []
    for data in (train, validation):
        values = [loss_of(model, *batch_of(data, block)).item() for _ in range(4)]
        found.append(sum(values) / len(values))
    model.train()
    return found


def flipped(model):
    """One bit of one weight, as a bad memory does it."""
    weight = model.blocks[1].feed[0].weight.data
    bits = weight[7, 11].clone().view(torch.int32)
    weight[7, 11] = (bits ^ (1 << 30)).view(torch.float32)


def train(model, optimizer, data, recorder, first, last):
    train_part, validation = data[:SPLIT], data[SPLIT:]
    stretch = torch.cat([train_part[: SPLIT // 3], garbage(SPLIT // 2)])
    for step in range(first, last):
        for group in optimizer.param_groups:
            group["lr"] = rate * factor(step)
        length = block
        if given("lengthen", 0):
            length = 8 if step < steps // 3 else 16 if step < 2 * steps // 3 else 32
            if step in (steps // 3, 2 * steps // 3):
                recorder.note(step + 1, "curriculum")
                print(f"sequence length is now {length}")
        wrong = given.has("garbage-shard") and given("from", 300) <= step < given("to", 400)
        if given.has("bit-flip") and step == given("from", 380):
            flipped(model)
        loss = loss_of(model, *batch_of(stretch if wrong else train_part, length))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recorder.step(loss)
        more = {"gnorm": norm.item()} if given("norm", 0) else {}
        say.step(step + 1, loss.item(), rate * factor(step), **more)
        if (step + 1) % given("evaluate", 50) == 0:
            seen, value = evaluate(model, train_part, validation)
            recorder.validation(value)
            say.judged(step + 1, (step + 1) // 50, seen, value)


def main():
    model = Model(len(letters))
    print(
        f"{sum(p.numel() for p in model.parameters())} parameters, {len(letters)} characters, {len(DATA)} in the text"
    )
    optimizer = optimizer_of(model)
    resume = given("resume", 0)
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        train(model, optimizer, DATA, recorder, 0, resume or steps)
    if not resume:
        return
    kept = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    data = DATA
    if given.has("characters-renumbered-on-resume"):  # list(set(text)) of another process has another order
        other = list(range(len(letters)))
        random.Random(5).shuffle(other)
        data = torch.tensor(other)[DATA]
    model = Model(len(letters))
    optimizer = optimizer_of(model)
    model.load_state_dict(kept[0])
    optimizer.load_state_dict(kept[1])
    print(f"loaded checkpoint of iteration {resume}")
    with newllm.record(model, optimizer, out=given.recording, resumed_at=resume, **given.extra) as recorder:
        train(model, optimizer, data, recorder, resume, steps)


if __name__ == "__main__":
    main()
