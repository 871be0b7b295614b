"""Recurrent networks: texts as classes, a language model, sums. python recurrent.py --out DIR [--fault F] [--set k=v ...]"""

import random

import torch
from common import Given, Say, text
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
what, width = given("what", "classes"), given("width", 48)
rate, batch = given("rate", 0.003), given("batch", 32)
draw = random.Random(given.seed)


# -- short messages of three kinds, padded to the longest of a batch

TOPICS = [
    ["the ship", "the harbour", "a captain", "the storm", "old sails", "the crew"],
    ["the garden", "a rose", "dry soil", "the gardener", "green leaves", "the seeds"],
    ["the court", "a witness", "the judge", "old papers", "the verdict", "a lawyer"],
]
SHARED = [
    "was seen again",
    "nobody knows why",
    "it was late",
    "they waited",
    "and then it rained",
    "for a long time",
    "he said so",
]


def message():
    topic = draw.randrange(3)
    parts = [draw.choice(TOPICS[topic])] + [draw.choice(SHARED) for _ in range(draw.randint(1, 6))]
    if draw.random() < 0.5:
        parts.insert(1, draw.choice(TOPICS[topic]))
    return " ".join(parts).split(), topic


class Reader(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 32, padding_idx=0)
        first = not given.has("recurrence-over-the-batch")
        cell = nn.GRU if given("cell", "lstm") == "gru" else nn.LSTM
        self.rnn = cell(32, width, batch_first=first)
        self.drop = nn.Dropout(given("dropout", 0.0))
        self.head = nn.Linear(width, 3)

    def forward(self, ids, lengths):
        out, _ = self.rnn(self.drop(self.embed(ids)))
        if given.has("last-position-is-padding"):
            return self.head(self.drop(out[:, -1]))
        return self.head(self.drop(out[torch.arange(len(ids)), lengths - 1]))


def padded(rows, longest):
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, (words, _) in enumerate(rows):
        ids[i, : len(words)] = torch.tensor(words)
    return ids, torch.tensor([len(w) for w, _ in rows]), torch.tensor([t for _, t in rows])


def classes():
    rows = [message() for _ in range(given("rows", 1600))]
    names = ["<pad>", *sorted({w for words, _ in rows for w in words})]
    rows = [([names.index(w) for w in words], topic) for words, topic in rows]
    longest = max(len(w) for w, _ in rows)
    train, validation = rows[:-300], rows[-300:]
    if given("flip", 0.0):
        train = [(w, t if draw.random() > given("flip", 0.0) else draw.randrange(3)) for w, t in train]
    model = Reader(len(names))
    optimizer = torch.optim.Adam(model.parameters(), rate)
    epochs = given("epochs", 8)
    say = Say(given("style", "epoch"), epochs * (len(train) // batch))
    step = 0
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for epoch in range(epochs):
            draw.shuffle(train)
            total = 0.0
            for begin in range(0, len(train) - batch + 1, batch):
                ids, lengths, target = padded(train[begin : begin + batch], longest)
                optimizer.zero_grad()
                loss = F.cross_entropy(model(ids, lengths), target)
                loss.backward()
                optimizer.step()
                step += 1
                recorder.step(loss)
                total += loss.item()
                if say.style != "epoch":
                    say.step(step, loss.item(), rate)
            model.eval()
            value, correct = 0.0, 0
            with torch.no_grad():
                for begin in range(0, len(validation), 50):
                    ids, lengths, target = padded(validation[begin : begin + 50], longest)
                    logits = model(ids, lengths)
                    value += F.cross_entropy(logits, target, reduction="sum").item() / len(validation)
                    correct += (logits.argmax(-1) == target).sum().item()
            model.train()
            recorder.validation(value, correct=correct, count=len(validation))
            say.judged(step, epoch + 1, total / (len(train) // batch), value, accuracy=correct / len(validation))


# -- a language model with the rates of PyTorch's old example


class Language(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.rnn = nn.LSTM(width, width, 2) if given("cell", "lstm") == "lstm" else nn.RNN(width, width, 1)
        self.head = nn.Linear(width, vocabulary)
        if given("tied", 0):
            self.head.weight = self.embed.weight
        for p in (self.embed.weight, self.head.weight):
            nn.init.uniform_(p, -0.1, 0.1)

    def forward(self, ids, state=None):
        out, state = self.rnn(self.embed(ids), state)
        return self.head(out), state


def detached(state):
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def language():
    written = text(given("sentences", 1500), given.seed)
    letters = sorted(set(written))
    data = torch.tensor([letters.index(c) for c in written])
    cut = int(0.9 * len(data))

    def columns(part, wide):
        return part[: len(part) // wide * wide].view(wide, -1).t()

    train, validation = columns(data[:cut], 20), columns(data[cut:], 10)
    model = Language(len(letters))
    optimizer = torch.optim.SGD(model.parameters(), rate)
    bptt, epochs = given("bptt", 25), given("epochs", 3)
    per_epoch = (len(train) - 1) // bptt
    say = Say(given("style", "fairseq"), epochs * per_epoch, 10)
    step, best = 0, None
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for epoch in range(epochs):
            state, total = None, 0.0
            for begin in range(0, per_epoch * bptt, bptt):
                x, y = train[begin : begin + bptt], train[begin + 1 : begin + bptt + 1]
                optimizer.zero_grad()
                logits, state = model(x, state)
                state = detached(state)
                loss = F.cross_entropy(logits.reshape(-1, len(letters)), y.reshape(-1))
                loss.backward()
                if given.has("clipped-after-the-step"):
                    optimizer.step()
                    nn.utils.clip_grad_norm_(model.parameters(), given("clip", 0.25))
                else:
                    nn.utils.clip_grad_norm_(model.parameters(), given("clip", 0.25))
                    optimizer.step()
                step += 1
                recorder.step(loss)
                total += loss.item()
                say.step(step, loss.item(), optimizer.param_groups[0]["lr"])
                if step % 60 == 0 or step == epochs * per_epoch:
                    model.eval()
                    with torch.no_grad():
                        logits, _ = model(validation[:-1])
                        value = F.cross_entropy(logits.reshape(-1, len(letters)), validation[1:].reshape(-1)).item()
                    model.train()
                    recorder.validation(value)
                    say.judged(step, epoch + 1, loss.item(), value)
            if best is not None and value > best:
                for group in optimizer.param_groups:
                    group["lr"] /= 4
            best = value if best is None else min(best, value)


# -- the sum of two marked numbers


class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.GRU(2, width, batch_first=True), nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])[:, 0]


def sums():
    length, steps = given("length", 30), given("steps", 700)

    def some(count):
        x = torch.zeros(count, length, 2)
        x[..., 0] = torch.rand(count, length)
        first, second = torch.randint(length // 2, (count,)), torch.randint(length // 2, length, (count,))
        rows = torch.arange(count)
        x[rows, first, 1] = x[rows, second, 1] = 1
        return x, (x[..., 0] * x[..., 1]).sum(1)

    model = Adder()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    say = Say(given("style", "columns"), steps)
    held = some(500)
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for step in range(steps):
            x, y = some(batch)
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recorder.step(loss)
            say.step(step + 1, loss.item(), rate)
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    value = F.mse_loss(model(held[0]), held[1]).item()
                model.train()
                recorder.validation(value)
                say.judged(step + 1, 0, loss.item(), value)


if __name__ == "__main__":
    {"classes": classes, "language": language, "sums": sums}[what]()
