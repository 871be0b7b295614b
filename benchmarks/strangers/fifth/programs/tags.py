"""Plain loop: a bidirectional GRU that tags made sentences."""

import torch
from common import Language, Printer, batches, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(epochs=6, size=16, rate=3e-3, rows=700, length=16, clip=1.0, optimizer="adam", weighted=0, dropout=0.2)
say = Printer(o.style)
language = Language(o.seed, 24)
texts = language.text(o.rows + 200, o.length)
# 0: other (most), 1: a name begins, 2: it goes on, 3: a number
tags = torch.zeros_like(texts)
tags[texts >= 21] = 3
tags[:, :-1][(texts[:, :-1] < 4) & (texts[:, 1:] % 3 != 0)] = 1
tags[:, 1:][(tags[:, :-1] == 1) & (tags[:, 1:] == 0)] = 2
lengths = torch.randint(6, o.length + 1, (len(texts),))
late = torch.arange(o.length) >= lengths[:, None]
texts[late], tags[late] = 24, -100
train, held_out = slice(0, o.rows), slice(o.rows, None)


class Tagger(nn.Module):
    """Embedding, GRU, head."""

    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(25, width, padding_idx=24)
        self.drop = nn.Dropout(o.dropout)
        self.core = nn.GRU(width, width, bidirectional=True, batch_first=True)
        self.norm = nn.BatchNorm1d(2 * width)
        self.head = nn.Linear(2 * width, 4)

    def forward(self, x):
        """Logits of each place's tag."""
        out, _ = self.core(self.drop(self.embed(x)))
        return self.head(self.drop(self.norm(out.transpose(1, 2)).transpose(1, 2)))


model = Tagger()
if o.optimizer == "sgd":
    optimizer = torch.optim.SGD(model.parameters(), lr=o.rate, momentum=0.9)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=o.rate)
counts = torch.bincount(tags[train][tags[train] >= 0], minlength=4).float()
weights = counts.sum() / counts / 4 if o.weighted else None


def loss_of(out, target):
    return F.cross_entropy(out.flatten(0, 1), target.flatten(), weight=weights, ignore_index=-100)


with newllm.record(model, optimizer, out=o.out / "recording") as recorder:
    model.train()
    step = 0
    for epoch in range(o.epochs):
        if o.fault != "never-back-to-train":
            model.train()
        for part in batches(o.rows, o.size):
            optimizer.zero_grad()
            loss = loss_of(model(texts[train][part]), tags[train][part])
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1e-3 if o.fault == "clip-too-small" else o.clip)
            optimizer.step()
            recorder.step(loss)
            step += 1
            if step % 10 == 0:
                say(epoch=epoch, step=step, loss=loss.item(), grad_norm=norm.item())
        model.eval()
        with torch.no_grad():
            out = model(texts[held_out])
            real = tags[held_out] >= 0
            right = int((out.argmax(-1)[real] == tags[held_out][real]).sum())
            value = loss_of(out, tags[held_out]).item()
        recorder.validation(value, correct=right, count=int(real.sum()))
        say(epoch=epoch, step=step, dev_loss=value, dev_acc=right / int(real.sum()))
