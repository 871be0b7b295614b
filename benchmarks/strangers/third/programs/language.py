"""A small transformer that writes Python's language reference, character by character; loops as in nanoGPT's family."""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from common import english, gradient_norm, start
from styles import style
from torch import nn

BLOCK, WIDTH, HEADS = 48, 48, 3


class Attention(nn.Module):
    """Causal attention, with the mistakes that are made in it."""

    def __init__(self, run):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.run = run
        self.register_buffer("mask", torch.tril(torch.ones(2 * BLOCK, 2 * BLOCK, dtype=torch.bool)), persistent=False)

    def forward(self, x):
        batch, length, _ = x.shape
        q, k, v = (t.view(batch, length, HEADS, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        scores = q @ k.transpose(-2, -1)
        if not self.run.has("scores-not-scaled"):
            scores = scores / math.sqrt(q.shape[-1])
        if not self.run.has("sees-the-future"):
            scores = scores.masked_fill(~self.mask[:length, :length], -1e9)
        weights = scores.softmax(2 if self.run.has("softmax-over-queries") else -1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, WIDTH))


class Block(nn.Module):
    """Attention and a perceptron."""

    def __init__(self, run):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(WIDTH), Attention(run), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.drop = nn.Dropout(run.get("dropout", 0.0))

    def forward(self, x):
        x = x + self.drop(self.attention(self.norm1(x)))
        return x + self.drop(self.mlp(self.norm2(x)))


class Gpt(nn.Module):
    """The model."""

    def __init__(self, run, vocabulary):
        super().__init__()
        self.run = run
        self.tokens, self.places = nn.Embedding(vocabulary, WIDTH), nn.Embedding(2 * BLOCK, WIDTH)
        blocks = [Block(run) for _ in range(run.get("layers", 2))]
        self.blocks = blocks if run.has("layers-in-a-list") else nn.ModuleList(blocks)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        std = 1.0 if run.has("embeddings-too-wide") else 0.05
        nn.init.normal_(self.tokens.weight, std=std)
        nn.init.normal_(self.places.weight, std=0.05)

    def forward(self, ids):
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == 0 and self.run.has("detached-in-the-middle"):
                x = x.detach()
        return self.head(self.norm(x))


class Data:
    """Texts, their characters, and batches of windows."""

    def __init__(self, run):
        self.run = run
        text = english(run.get("characters", 160_000))
        cut = int(len(text) * 0.9)
        self.letters = [*sorted(set(text)), "\0"]
        self.ids = {c: i for i, c in enumerate(self.letters)}
        other = self.ids
        if run.has("validation-other-vocabulary"):  # set() of the other file, in its own order
            other = {c: i for i, c in enumerate(sorted(set(text[cut:]), key=lambda c: -ord(c)))}
        self.training = torch.tensor([self.ids[c] for c in text[:cut]])
        self.validation = torch.tensor([other[c] for c in text[cut:]])
        self.pad = len(self.letters) - 1
        self.draw = torch.Generator().manual_seed(run.seed)
        code = Path(torch.nn.modules.loss.__file__).read_text()
        self.code = torch.tensor([self.ids.get(c, self.pad) for c in code[:60_000]])
        numbers = "\n".join(f"{i * 7919 % 10007} {i * 104729 % 99991}" for i in range(6000))
        self.numbers = torch.tensor([self.ids.get(c, self.pad) for c in numbers])
        if run.has("pad-ids-outside"):
            self.pad = 0

    def windows(self, source, count, length):
        """Random windows of a text."""
        at = torch.randint(0, len(source) - length - 1, (count,), generator=self.draw)
        return torch.stack([source[a : a + length + 1] for a in at])

    def batch(self, step, total, count):
        """Inputs and targets of an update."""
        run, length = self.run, BLOCK
        if run.get("grow_length", 0):  # a planned curriculum: short sequences first
            length = 12 if step < total // 3 else 24 if step < 2 * total // 3 else BLOCK
        source = self.training
        if run.has("sources-one-after-another"):
            source = (self.training, self.code, self.numbers)[min(2, 3 * step // total)]
        elif run.get("mixture", 0):
            source = (self.training, self.code, self.numbers)[int(torch.randint(0, 3, (), generator=self.draw))]
        if run.has("same-document-again") and 0.45 < step / total < 0.65:
            source = self.training[5000 : 5000 + 2 * length]
        rows = self.windows(source, count, length)
        if run.has("damaged-shard") and 0.4 < step / total < 0.55:
            rows = torch.randint(0, len(self.letters), rows.shape, generator=self.draw)
        if run.has("unknown-from-a-step") and step / total > 0.6:  # another tokenizer: nearly all becomes one token
            rows = torch.where(torch.rand(rows.shape, generator=self.draw) < 0.97, self.pad, rows)
        if run.has("labels-of-other-rows") and step / total > 0.5:
            return rows[:, :-1], rows.roll(1, 0)[:, 1:]
        if run.has("targets-not-shifted"):
            return rows[:, :-1], rows[:, :-1]
        if run.get("padded", 0):
            ends = torch.randint(4, length // 3, (count, 1), generator=self.draw)
            rows = torch.where(torch.arange(length + 1) < ends, rows, self.pad)
            inputs, targets = rows[:, :-1], rows[:, 1:].clone()
            if not run.has("padding-in-the-loss"):
                targets[targets == self.pad] = -100
            return inputs, targets
        return rows[:, :-1], rows[:, 1:]


def rate_at(run, step, total):
    """The learning rate of an update."""
    peak, kind = run.get("lr", 3e-3), run.get("schedule", "cosine")
    warm = run.get("warmup", total // 15)
    if run.has("rate-too-high"):
        peak *= 40
    if run.has("never-leaves-warmup"):
        return peak * 1e-4  # the first value of a schedule that is never stepped
    if run.has("resumes-schedule-anew") and step > total * 0.6:
        step -= int(total * 0.6)
    if run.has("rate-changed-midway") and step > total * 0.55:
        return peak * 12
    end = total * 2 // 5 if run.has("decays-too-early") else total
    if step < warm:
        return peak * (step + 1) / warm
    if kind == "constant":
        return peak
    if kind == "wsd":
        return peak if step < total * 0.75 else peak * max(0.02, (total - step) / (total * 0.25))
    if kind == "restarts":
        third = total / 3
        return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step % third) / third)))
    if step >= end:
        return 0.0 if run.has("decays-too-early") else peak * 0.05
    return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (end - warm))))


@torch.no_grad()
def evaluate(run, model, data):
    """Validation loss: mean over a fixed set of windows."""
    if not run.has("evaluates-in-training-mode"):
        model.eval()
    draw = torch.Generator().manual_seed(1)
    count = 1 if run.has("validation-of-one-window") else 24
    if run.has("validation-of-one-window"):
        draw = data.draw
    length = 2 * BLOCK - 1 if run.has("validated-on-longer-texts") else BLOCK
    at = torch.randint(0, len(data.validation) - length - 1, (count,), generator=draw)
    rows = torch.stack([data.validation[a : a + length + 1] for a in at])
    logits = model(rows[:, :-1])
    targets = rows[:, :-1] if run.has("targets-not-shifted") else rows[:, 1:]
    loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
    right = int((logits.argmax(-1) == targets).sum())
    if not run.has("stays-in-evaluation-mode"):
        model.train()
    return float(loss), right, targets.numel()


def main():
    """The loop."""
    run = start()
    data = Data(run)
    model = Gpt(run, len(data.letters))
    if run.has("weights-in-bfloat16"):
        model = model.bfloat16()
    decay = 20.0 if run.has("decay-too-strong") else run.get("wd", 0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.get("lr", 3e-3), betas=(0.9, 0.95), weight_decay=decay)
    total, batch, parts = run.get("steps", 300), run.get("batch", 16), run.get("accumulate", 1)
    log, every, evals = style(run, total), run.get("every", 10), run.get("evals", 50)
    scale = 2.0**24 if run.has("scale-overflows") else 1.0
    skipped, tokens = 0, 0
    with run.recorder(model, optimizer) as recorder:
        for step in range(total):
            rate = rate_at(run, step, total)
            for group in optimizer.param_groups:
                group["lr"] = rate
            if not run.has("gradients-not-cleared"):
                optimizer.zero_grad()
            shown = 0.0
            for _ in range(parts):
                x, y = data.batch(step, total, batch)
                loss = F.cross_entropy(model(x).flatten(0, 1).float(), y.flatten(), ignore_index=-100)
                if not run.has("accumulation-not-divided"):
                    loss = loss / parts
                (loss * scale).backward()
                shown += float(loss.detach())
                tokens += y.numel()
            if run.has("scale-overflows"):  # half-precision gradients, and a scale that is never lowered
                for weights in model.parameters():
                    weights.grad = (weights.grad.half().float()) / scale
                bad = any(not bool(torch.isfinite(w.grad).all()) for w in model.parameters())
            else:
                bad = False
            clip = run.get("clip", 1.0)
            norm = gradient_norm(model.parameters())
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            if bad:
                skipped += 1
            else:
                optimizer.step()
            recorder.step(torch.tensor(shown))
            if run.get("resume_at", 0) and step == run.get("resume_at", 0):
                log.say(f"=> loaded checkpoint (iter {step})")
                if run.has("resumes-without-optimizer"):
                    optimizer.state.clear()
            if step % every == 0:
                values = {"loss": shown}
                if run.get("show_lr", 1):
                    values["lr"] = rate
                if run.get("show_norm", 1):
                    values["grad_norm"] = norm
                if run.get("show_tokens", 0):
                    values["tokens"] = tokens
                if run.has("scale-overflows") or run.get("show_skipped", 0):
                    values["skipped"] = skipped
                log.step(step, 0, **values)
            if evals and (step + 1) % evals == 0:
                val, right, count = evaluate(run, model, data)
                recorder.validation(val, correct=right, count=count)
                log.evaluation(step, 0, val_loss=val)


if __name__ == "__main__":
    main()
