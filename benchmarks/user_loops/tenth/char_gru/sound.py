"""A character GRU on the documentation strings of scikit-learn and torch, which are read in two shards."""

import hashlib
import inspect
import random
import sys
from collections import Counter

import newllm
import sklearn.cluster
import sklearn.ensemble
import sklearn.linear_model
import sklearn.metrics
import sklearn.preprocessing
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1234)
random.seed(1234)


def documents():
    modules = [
        sklearn.linear_model, sklearn.ensemble, sklearn.metrics, sklearn.cluster, sklearn.preprocessing,
        torch.nn, torch.optim, F,
    ]  # fmt: skip
    found = {}
    for module in modules:
        for name, thing in sorted(vars(module).items()):
            doc = inspect.getdoc(thing) if callable(thing) and not name.startswith("_") else None
            if doc and len(doc) > 300:
                found[hashlib.md5(doc.encode()).hexdigest()] = "".join(c for c in doc if ord(c) < 127)
    return [found[key] for key in sorted(found)]


docs = documents()
held_out, docs = docs[:25], docs[25:]
half = len(docs) // 2
shards = ["\n\n".join(docs[:half]), "\n\n".join(docs[half:])]

VOCABULARY = 100  # all printable characters, with room


def vocabulary(text):
    """Characters by how often they occur, the commonest first."""
    return {c: i for i, (c, _) in enumerate(Counter(text).most_common())}


ids = vocabulary(shards[0] + shards[1])


def load(number):
    text = shards[number]
    print(f"shard {number}: {len(text)} characters", flush=True)
    return torch.tensor([ids[c] for c in text]), ids


class CharModel(nn.Module):
    def __init__(self, width=64, hidden=160):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.rnn = nn.GRU(width, hidden, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(hidden, VOCABULARY)

    def forward(self, x):
        h, _ = self.rnn(self.embed(x))
        return self.out(self.drop(h))


def batch(data, size=32, length=64):
    starts = torch.randint(0, len(data) - length - 1, (size,))
    rows = torch.stack([data[s : s + length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def evaluate(model, data, length=128):
    model.eval()
    n = (len(data) - 1) // length
    x = data[: n * length].view(n, length)
    y = data[1 : n * length + 1].view(n, length)
    logits = model(x[:60])
    model.train()
    return F.cross_entropy(logits.flatten(0, 1), y[:60].flatten()).item()


data, known = load(0)
val = torch.tensor([known[c] for c in "\n\n".join(held_out) if c in known])

model = CharModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
run = newllm.record(model, optimizer, out="runs/" + sys.argv[1])
for step in range(1, 561):
    if step == 337:
        data, _ = load(1)
    x, y = batch(data)
    logits = model(x)
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    run.step(loss)
    if step % 28 == 0:
        val_loss = evaluate(model, val)
        run.validation(val_loss)
        run.metrics({"bits_per_character": val_loss / 0.6931})
        print(f"step {step} loss {loss.item():.4f} val {val_loss:.4f}", flush=True)
run.close()
