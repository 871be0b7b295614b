"""Plain loop: a transformer with encoder and decoder that sorts or reverses short words."""

import torch
from common import Printer, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(steps=350, size=32, rate=2e-3, longest=8, smooth=0.0, schedule="constant", warmup=40)
say = Printer(o.style)
PAD, BEGIN, VOCABULARY = 0, 1, 18


def words(count, seed):
    make = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, o.longest + 1, (count,), generator=make)
    source = torch.randint(2, VOCABULARY, (count, o.longest), generator=make)
    source[torch.arange(o.longest) >= lengths[:, None]] = PAD
    target = torch.zeros_like(source)
    for i, n in enumerate(lengths.tolist()):
        target[i, :n] = source[i, :n].flip(0)
    return source, target


source, target = words(3000, o.seed)
vs, vt = words(200, o.seed + 1)


class Model(nn.Module):
    """`nn.Transformer` with embeddings and a head."""

    def __init__(self, width=48):
        super().__init__()
        self.embed, self.places = nn.Embedding(VOCABULARY, width), nn.Embedding(o.longest, width)
        self.core = nn.Transformer(width, 4, 1, 1, 96, dropout=0.0, batch_first=True)
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, source, seen):
        """Logits of the next token at each place."""
        place = self.places(torch.arange(source.shape[1]))
        padding = source == PAD
        if o.fault == "padding-mask-inverted":
            padding = ~padding
            padding[:, -1] &= ~padding.all(1)  # "attention gave NaN for full rows"
        causal = nn.Transformer.generate_square_subsequent_mask(seen.shape[1])
        out = self.core(
            self.embed(source) + place, self.embed(seen) + place[: seen.shape[1]], tgt_mask=causal,
            src_key_padding_mask=padding, memory_key_padding_mask=padding,
        )  # fmt: skip
        return self.head(out)


def loss_of(model, source, target, smooth=0.0):
    begin = torch.full((len(target), 1), BEGIN)
    seen = target if o.fault == "decoder-not-shifted" else torch.cat([begin, target[:, :-1]], 1)
    out = model(source, seen)
    return F.cross_entropy(out.flatten(0, 1), target.flatten(), ignore_index=PAD, label_smoothing=smooth)


def written(model, source):
    seen = torch.full((len(source), 1), BEGIN)
    for _ in range(source.shape[1]):
        seen = torch.cat([seen, model(source, seen)[:, -1:].argmax(-1)], 1) if seen.shape[1] <= o.longest else seen
    return seen[:, 1:]


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=o.rate)
if o.schedule == "noam":
    rule = lambda n: min((n + 1) / o.warmup, (o.warmup / (n + 1)) ** 0.5)  # noqa: E731
else:
    rule = lambda n: min(1.0, (n + 1) / o.warmup)  # noqa: E731
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rule)
with newllm.record(model, optimizer, out=o.out / "recording") as recorder:
    for step in range(1, o.steps + 1):
        part = torch.randint(0, len(source), (o.size,))
        optimizer.zero_grad()
        loss = loss_of(model, source[part], target[part], o.smooth)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recorder.step(loss)
        schedule.step()
        if step % 10 == 0:
            say(step=step, loss=loss.item(), lr=optimizer.param_groups[0]["lr"])
        if step % 70 == 0:
            model.eval()
            with torch.no_grad():
                value = loss_of(model, vs, vt).item()
                real = vt != PAD
                right = int((written(model, vs)[real] == vt[real]).sum())
            model.train()
            recorder.validation(value, correct=right, count=int(real.sum()))
            say(step=step, dev_loss=value, dev_token_accuracy=right / int(real.sum()))
