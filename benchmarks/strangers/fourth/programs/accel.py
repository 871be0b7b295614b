"""Trainings with Accelerate: letters by a GRU, two tasks at once, ratings, tags of words."""

import copy
import random

import torch
from accelerate import Accelerator
from common import KINDS, LETTERS, NOUNS, VERBS, Run, digits, sentence, text
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

run = Run(
    task="letters",
    rate=3e-3,
    batch=16,
    steps=200,
    evals=40,
    accumulate=1,
    clip=1.0,
    decay=0.01,
    schedule="none",
    smooth=0.0,
)
o, has = run.o, run.has
accelerator = Accelerator(gradient_accumulation_steps=o.accumulate, cpu=True)
chance = torch.Generator().manual_seed(9)


class Letters(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.gru, self.head = (
            nn.Embedding(len(LETTERS), 32),
            nn.GRU(32, 64, batch_first=True),
            nn.Linear(64, len(LETTERS)),
        )
        if has("embeddings-far-too-large"):
            nn.init.normal_(self.token.weight, std=60.0)

    def forward(self, ids):
        return self.head(self.gru(self.token(ids))[0])

    def loss(self, ids):
        return F.cross_entropy(self(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    def judge(self, ids):
        return {"loss": float(self.loss(ids))}


class Two(nn.Module):
    """The digit, and how dark it is; each task's weight is learnt."""

    def __init__(self):
        super().__init__()
        self.body, self.kind, self.dark = (
            nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 48), nn.GELU()),
            nn.Linear(48, 10),
            nn.Linear(48, 1),
        )
        self.logs = nn.Parameter(torch.zeros(2))

    def loss(self, a, b, c):
        h = self.body(a)
        first, second = F.cross_entropy(self.kind(h), b), F.mse_loss(self.dark(h)[:, 0], c)
        if has("second-task-in-other-units"):
            return first + 3e4 * F.mse_loss(self.dark(h)[:, 0], c * 100)
        return (
            first * (-self.logs[0]).exp() + self.logs[0] / 2 + 0.5 * second * (-self.logs[1]).exp() + self.logs[1] / 2
        )

    def judge(self, a, b, c):
        out = self.kind(self.body(a))
        return {"loss": float(F.cross_entropy(out, b)), "correct": int((out.argmax(1) == b).sum()), "count": len(b)}


class Ratings(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item, self.net = (
            nn.Embedding(200, 8),
            nn.Embedding(150, 8),
            nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 1)),
        )

    def loss(self, u, i, s):
        p, q = self.user(u), self.item(i)
        return F.mse_loss(3.2 + self.net(torch.cat([p, q, p * q], 1))[:, 0], s)

    def judge(self, u, i, s):
        return {"loss": float(self.loss(u, i, s))}


class Tags(nn.Module):
    """Which part of speech a word is; most of them are of one kind. Unknown positions are -100."""

    def __init__(self):
        super().__init__()
        self.token, self.conv, self.head = (
            nn.Embedding(40, 24, padding_idx=0),
            nn.Conv1d(24, 48, 3, padding=1),
            nn.Linear(48, 5),
        )

    def forward(self, ids):
        return self.head(F.relu(self.conv(self.token(ids).transpose(1, 2)).transpose(1, 2)))

    def loss(self, ids, tags):
        return F.cross_entropy(
            self(ids).flatten(0, 1), tags.flatten(), ignore_index=-100, label_smoothing=o.smooth if self.training else 0
        )

    def judge(self, ids, tags):
        right = self(ids).argmax(-1) == tags
        return {
            "loss": float(self.loss(ids, tags)),
            "correct": int(right[tags >= 0].sum()),
            "count": int((tags >= 0).sum()),
        }


if o.task == "letters":
    ids = text(1500)
    pieces = ids[: len(ids) // 41 * 41].view(-1, 41)
    rows, model = (pieces,), Letters()
elif o.task == "two":
    x, y, vx, vy = digits()
    a = torch.cat([x, vx])
    rows, model = (a, torch.cat([y, vy]), a.mean(1) * 5), Two()
elif o.task == "ratings":
    pu, pi = torch.randn(200, 3, generator=chance), torch.randn(150, 3, generator=chance)
    u, i = torch.randint(200, (9000,), generator=chance), torch.randint(150, (9000,), generator=chance)
    stars = (
        3.3 + 0.5 * (pu[u] * pi[i]).sum(1) + 0.5 * pu[u, 0] + 0.5 * pi[i, 1] + 0.2 * torch.randn(9000, generator=chance)
    )
    rows, model = (u, i, stars.clamp(1, 5).round()), Ratings()
else:
    draw = random.Random(4)
    code = {w: k + 1 for k, w in enumerate(["the", "a", "near", *NOUNS, *VERBS, *KINDS])}
    sort = lambda w: 1 if w in NOUNS else 2 if w in VERBS else 3 if w in KINDS else 4 if w == "near" else 0  # noqa: E731
    ids, tags = torch.zeros(1500, 14, dtype=torch.long), torch.full((1500, 14), -100)
    for n in range(1500):
        words = sentence(draw).split()[:14]
        shown = [code[w] if draw.random() > 0.1 else 39 for w in words]
        ids[n, : len(words)], tags[n, : len(words)] = torch.tensor(shown), torch.tensor([sort(w) for w in words])
    rows, model = (ids, tags), Tags()
cut = int(len(rows[0]) * 0.8)
mix = torch.randperm(len(rows[0]), generator=chance)
rows = [r[mix] for r in rows]
if has("tags-moved-by-one"):
    rows[1][:cut] = rows[1][:cut].roll(1, 1)
train, held = TensorDataset(*[r[:cut] for r in rows]), [r[cut:] for r in rows]
loader = DataLoader(train, o.batch, shuffle=True, generator=torch.Generator().manual_seed(run.seed), drop_last=True)
trained = copy.deepcopy(model) if has("optimizer-of-a-copy") else model
optimizer = torch.optim.AdamW(
    trained.parameters(), o.rate * (30 if has("rate-of-another-optimizer") else 1), weight_decay=o.decay
)
total = o.steps
plan = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: max(0.0, 1 - s / total) if o.schedule == "linear" else 1.0
)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)


def endless():
    while True:
        yield from loader


def look(step, recorder):
    model.eval()
    with torch.no_grad():
        got = accelerator.unwrap_model(model).judge(*held)
    model.train()
    correct = {k: got[k] for k in ("correct", "count") if k in got}
    recorder.validation(got["loss"], **correct)
    more = {"val_acc": got["correct"] / got["count"]} if correct else {}
    run.say(step, val_loss=got["loss"], **more)


source, step, losses, said = endless(), 0, [], []
with run.record(model, optimizer) as recorder:
    look(0, recorder)
    while step < o.steps:
        rows = next(iter(loader)) if has("iterator-made-anew") else next(source)
        if has("iterator-made-anew"):
            rows = [r[: o.batch] for r in train.tensors]
        if has("seldom-batches-of-another-scale") and step % 25 == 24:
            rows = [*rows[:-1], rows[-1] * 200]
        with accelerator.accumulate(model):
            loss = model.loss(*rows)
            accelerator.backward(loss / (o.accumulate * 60 if has("divided-twice") else 1))
            if accelerator.sync_gradients:
                if has("one-part-cleared-too-early"):
                    for p in list(model.parameters())[1:]:
                        p.grad = None
                accelerator.clip_grad_norm_(model.parameters(), o.clip)
            losses.append(loss.detach())
            optimizer.step()
            if has("schedule-at-every-micro-batch"):
                plan.step()
            optimizer.zero_grad()
        if accelerator.sync_gradients:
            recorder.step(sum(losses) / len(losses))
            said.append(float(sum(losses) / len(losses)))
            losses.clear()
            step += 1
            if not has("schedule-at-every-micro-batch"):
                plan.step()
            if step % 10 == 0:
                run.say(step, train_loss=sum(said) / len(said), lr=optimizer.param_groups[0]["lr"])
                said.clear()
            if step % o.evals == 0:
                look(step, recorder)
