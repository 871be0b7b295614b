"""Sequences: CTC over frames, an encoder and a decoder that sorts, tags of words, parity that comes late."""

import random

import torch
from common import Run, fit
from torch import nn
from torch.nn import functional as F

run = Run(recipe="ctc", rate=3e-3, batch=32, steps=260, evals=40, clip=5.0)
o, has = run.o, run.has
table = torch.randn(8, 12, generator=torch.Generator().manual_seed(3))


def spoken(count, chance):
    """Frames of 3 to 6 symbols, each two to four frames long; 0 is the blank."""
    frames, targets, lengths, sizes = torch.zeros(count, 24, 12), torch.zeros(count, 6, dtype=torch.long), [], []
    for i in range(count):
        symbols = [chance.randrange(1, 8) for _ in range(chance.randint(3, 6))]
        at = 0
        for s in symbols:
            for _ in range(chance.randint(2, 4)):
                frames[i, at] = table[s] + 0.5 * torch.randn(12)
                at += 1
        targets[i, : len(symbols)] = torch.tensor(symbols)
        lengths.append(at)
        sizes.append(len(symbols))
    return frames, targets, torch.tensor(lengths), torch.tensor(sizes)


class Ear(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.gru, self.head = (
            nn.Conv1d(12, 32, 3, padding=1),
            nn.GRU(32, 32, batch_first=True, bidirectional=True),
            nn.Linear(64, 8),
        )

    def forward(self, frames):
        h, _ = self.gru(F.relu(self.conv(frames.transpose(1, 2))).transpose(1, 2))
        return self.head(h).log_softmax(-1)


class Sorter(nn.Module):
    """Reads letters and writes them in order, fed with the right letters."""

    def __init__(self):
        super().__init__()
        self.token, self.reader = nn.Embedding(12, 32), nn.GRU(32, 64, batch_first=True, bidirectional=True)
        self.writer, self.look, self.head = nn.GRU(32, 64, batch_first=True), nn.Linear(64, 128), nn.Linear(192, 11)

    def forward(self, source, given):
        memory, last = self.reader(self.token(source))
        h, _ = self.writer(self.token(given), last[:1] * 0)
        weights = (self.look(h) @ memory.transpose(1, 2) / 8).softmax(-1)
        if has("attention-detached"):
            weights = torch.full_like(weights, 1 / weights.shape[-1])
        return self.head(torch.cat([h, weights @ memory], -1))


class Parity(nn.Module):
    """Parity of three out of twelve bits."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 128), nn.ReLU(), nn.Linear(128, 2))

    def forward(self, bits):
        return self.net(bits)


chance = random.Random(run.seed)
held = spoken(160, random.Random(1)) if o.recipe == "ctc" else None
model = {"ctc": Ear, "sort": Sorter, "parity": Parity}[o.recipe]()
if o.recipe == "ctc" and has("hidden-state-explodes"):
    with torch.no_grad():
        model.gru.weight_hh_l0.mul_(12)
optimizer = torch.optim.AdamW(model.parameters(), o.rate, weight_decay=0.01)


def batch(step, many=None):
    many = many or o.batch
    if o.recipe == "ctc":
        return spoken(many, chance)
    if o.recipe == "sort":
        return (torch.randint(10, (many, 8)),)
    bits = torch.randint(2, (many, 12))
    return bits.float() * 2 - 1, (bits[:, 2] + bits[:, 5] + bits[:, 9]) % 2


def cost_sort(source):
    right = source.sort(1).values
    given = torch.cat([torch.full((len(source), 1), 11), right[:, :-1]], 1)
    if has("decoder-sees-its-answer"):
        given = right
    return model(source, given), right


def loss(rows, step):
    if o.recipe == "ctc":
        frames, targets, lengths, sizes = rows
        out = model(frames).transpose(0, 1)
        if has("blank-is-a-symbol"):
            return F.ctc_loss(out, targets, lengths, sizes, blank=3)
        if has("lengths-of-the-wrong-thing"):
            return F.ctc_loss(out, targets, (lengths // 3).clamp(min=1), sizes, zero_infinity=True)
        return F.ctc_loss(out, targets, lengths, sizes)
    if o.recipe == "sort":
        out, right = cost_sort(*rows)
        return F.cross_entropy(out.flatten(0, 1), right.flatten())
    return F.cross_entropy(model(rows[0]), rows[1])


def evaluate():
    kept = torch.get_rng_state()
    torch.manual_seed(77)
    if o.recipe == "ctc":
        frames, targets, lengths, sizes = held
        out = model(frames)
        value, right = float(F.ctc_loss(out.transpose(0, 1), targets, lengths, sizes)), 0
        for i in range(len(frames)):
            path = out[i, : lengths[i]].argmax(-1).tolist()
            said = [s for j, s in enumerate(path) if s and (j == 0 or s != path[j - 1])]
            right += said == targets[i, : sizes[i]].tolist()
        got = {"loss": value, "correct": right, "count": len(frames)}
    elif o.recipe == "sort":
        (source,) = batch(0, 200)
        out, right = cost_sort(source)
        written = torch.full((200, 1), 11)
        for _ in range(8):  # free writing
            written = torch.cat([written, model(source, written)[:, -1:].argmax(-1)], 1)
        got = {
            "loss": float(F.cross_entropy(out.flatten(0, 1), right.flatten())),
            "free_exact": float((written[:, 1:] == right).all(1).float().mean()),
        }
    else:
        bits, want = batch(0, 500)
        out = model(bits)
        got = {"loss": float(F.cross_entropy(out, want)), "correct": int((out.argmax(1) == want).sum()), "count": 500}
    torch.set_rng_state(kept)
    return got


fit(run, model, optimizer, batch, loss, evaluate=evaluate, steps=o.steps, evals=o.evals, clip=o.clip)
