"""Language models of characters: a small transformer, with or without experts, in fp32 or with emulated fp16."""

import copy
import math
import random
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, grad_norm, mean, set_rate

LETTERS = "abcdefghijklmnopqrstuvwxyz .\n"
PAD = len(LETTERS)
VOCAB = PAD + 1


def corpus(seed: int, length: int, dialect: int = 0) -> torch.Tensor:
    """Return text of made-up words with a bigram grammar."""
    draw = random.Random(seed * 7 + dialect)
    words = ["".join(draw.choice("aeioustrnlmdhk") for _ in range(draw.randint(2, 7))) for _ in range(120)]
    follow = {w: draw.sample(words, 6) for w in words}
    word, out = words[0], []
    while sum(map(len, out[-1:])) + len(out) * 5 < length:
        word = draw.choice(follow[word]) if draw.random() < 0.85 else draw.choice(words)
        out.append(word + draw.choice([" "] * 8 + [". ", ".\n"]))
    text = "".join(out)
    return torch.tensor([LETTERS.index(c) for c in text])


class Block(nn.Module):
    """Attention and a feed-forward layer, or experts of which each token asks one."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ff = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width)) for _ in range(experts)
        )
        self.router = nn.Linear(width, experts) if experts > 1 else None
        self.balance, self.busiest = torch.zeros(()), 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, T, D = x.shape
        q, k, v = (part.view(B, T, 4, D // 4).transpose(1, 2) for part in self.qkv(self.n1(x)).chunk(3, -1))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, D))
        h = self.n2(x)
        if self.router is None:
            return x + self.ff[0](h)
        p = self.router(h).softmax(-1)
        chosen = F.one_hot(p.argmax(-1), p.shape[-1]).to(p)
        share = chosen.mean((0, 1))
        self.balance, self.busiest = p.shape[-1] * (share * p.mean((0, 1))).sum(), float(share.max())
        outs = torch.stack([expert(h) for expert in self.ff], -1)
        return x + (outs * (chosen * p).unsqueeze(-2)).sum(-1)


class Model(nn.Module):
    """A transformer of two blocks."""

    def __init__(self, width: int, context: int, experts: int = 1) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCAB, width), nn.Embedding(context, width)
        self.blocks: Any = nn.ModuleList(Block(width, experts) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCAB)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


class Data:
    """Batches of documents (padded) or of a stream."""

    def __init__(self, o: Options, context: int, batch: int) -> None:
        self.text = corpus(o.seed % 5, o.get("length", 60000))
        self.other = corpus(o.seed % 5, 12000, dialect=3)
        cut = int(0.9 * len(self.text))
        self.train, self.val = self.text[:cut], self.text[cut:]
        self.context, self.batch, self.padded = context, batch, o.get("padded", False)
        self.draw = random.Random(o.seed + 1)
        self.place = 0

    def take(self, text: torch.Tensor, draw: random.Random, batch: int, context: int) -> tuple[torch.Tensor, ...]:
        starts = [draw.randrange(len(text) - context - 1) for _ in range(batch)]
        rows = torch.stack([text[s : s + context + 1] for s in starts])
        x, y = rows[:, :-1].clone(), rows[:, 1:].clone()
        if self.padded:
            for i in range(batch):
                n = draw.randint(context // 5, context)
                x[i, n:], y[i, n:] = PAD, PAD
        return x, y

    def next(self, context: int | None = None) -> tuple[torch.Tensor, ...]:
        return self.take(self.train, self.draw, self.batch, context or self.context)

    def stream(self) -> tuple[torch.Tensor, ...]:
        n = self.batch * self.context
        if self.place + n + 1 > len(self.train):
            self.place = 0
        piece = self.train[self.place : self.place + n + 1]
        self.place += n
        return piece[:-1].view(self.batch, -1), piece[1:].view(self.batch, -1)


def evaluate(model: nn.Module, data: Data, texts: list[torch.Tensor], draw: random.Random) -> float:
    with torch.no_grad():
        losses = []
        for text in texts:
            for _ in range(6 // len(texts)):
                x, y = data.take(text, draw, 16, data.context)
                losses.append(float(F.cross_entropy(model(x).flatten(0, 1).float(), y.flatten(), ignore_index=PAD)))
    return mean(losses)


def train(o: Options) -> None:
    steps, context, at = o.get("steps", 700), o.get("context", 32), o.get("at", 0)
    data = Data(o, context, o.get("batch", 12))
    experts = o.get("experts", 1)
    model = Model(o.get("width", 48), context, experts)
    if o.get("half", False):
        model = model.half()
    top = o.get("lr", 3e-3) * o.if_fault("rate too high", 40, 1) * o.if_fault("rate too low", 1 / 300, 1)
    if o.get("sgd", False):
        optimizer: torch.optim.Optimizer = torch.optim.SGD(model.parameters(), lr=top, momentum=0.9)
    else:
        beta = o.if_fault("momentum too high", 0.9995, 0.9)
        eps = o.if_fault("eps too large", o.get("eps_bad", 0.3), o.if_fault("eps rounds to zero", 1e-8, 1e-4))
        eps = 1e-8 if eps == 1e-4 and not o.get("half", False) else eps
        optimizer = torch.optim.AdamW(model.parameters(), lr=top, betas=(beta, 0.99), eps=eps, weight_decay=0.01)
    scale, good, saved = 2.0**16, 0, None
    twin: Any = None
    twin_optimizer: Any = None
    if o.fault == "replicas never talk":
        twin = copy.deepcopy(model)
        twin_optimizer = torch.optim.AdamW(twin.parameters(), lr=top)
    domains = o.get("domains", False)
    held = [data.val, data.other[9000:]] if domains else [data.val]
    held_batch = None
    resume, order, state = o.get("resume", 0), list(range(steps)), None
    if resume:
        order = order[: resume + 40] + order[resume:]
    for step in order:
        if resume and step == resume:
            if state is None:
                state = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
            else:
                o.log.line(f"=> resuming from checkpoint-{resume}")
                model.load_state_dict(state[0])
                optimizer.load_state_dict(state[1])
        rate = top if o.get("constant", False) else cosine(step, steps, top, o.get("warm_up", 50))
        if o.fault == "warm-up never ends":
            rate = top * (step + 1) / (20 * steps)
        if o.fault == "rate multiplied briefly" and at <= step < at + 5:
            rate *= 60
        if o.get("restarts", 0):
            rate = cosine(step % o.get("restarts", 1), o.get("restarts", 1), top, 10, 0.02)
        length = context if not o.get("curriculum", False) else min(context, 8 + 8 * (step // (steps // 4)))
        set_rate(optimizer, rate)
        if o.fault == "same batch several times":
            held_batch = data.next(length) if held_batch is None or step % o.get("times", 8) == 0 else held_batch
            x, y = held_batch
        elif domains:
            half_x, half_y = data.take(data.train, data.draw, data.batch // 2, context)
            more_x, more_y = data.take(data.other[:9000], data.draw, data.batch // 2, context)
            x, y = torch.cat([half_x, more_x]), torch.cat([half_y, more_y])
        elif o.get("stream", False):
            if o.fault == "stream begins again" and step == at:
                data.place = 0
            x, y = data.stream()
        else:
            x, y = data.next(length)
        if o.fault == "batch without targets" and step >= at and random.random() < 0.03:
            y = torch.full_like(y, PAD)
        optimizer.zero_grad()
        smoothing = o.if_fault("smoothing too strong", o.get("smoothing", 0.5), 0.0)
        ignore = -100 if o.fault == "padding counted" else PAD
        if twin is not None:
            half = len(x) // 2
            loss = F.cross_entropy(model(x[:half]).flatten(0, 1), y[:half].flatten())
            other = F.cross_entropy(twin(x[half:]).flatten(0, 1), y[half:].flatten())
            twin_optimizer.zero_grad()
            other.backward()
            twin_optimizer.step()
            shown = (loss.item() + other.item()) / 2
        else:
            out = model(x).flatten(0, 1).float()
            loss = F.cross_entropy(out, y.flatten(), ignore_index=ignore, label_smoothing=smoothing)
            shown = loss.item()
        balance = sum(block.balance for block in model.blocks) / 2
        total = loss
        if experts > 1:
            weight = o.if_fault("balance with the wrong sign", -0.3, o.if_fault("balance outweighs", 300.0, 0.02))
            total = loss + weight * balance
        if o.fault == "norm of zero" and step >= at:
            total = total + 0.1 * torch.sqrt((model(x) - model(x)).pow(2).mean())
        scaled = o.get("amp", False)
        (total * scale if scaled else total).backward()
        norm = grad_norm(model)
        if scaled:
            if o.fault == "clipped before unscaling":
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for p in model.parameters():
                if p.grad is not None:
                    p.grad.div_(scale)
            if o.fault != "clipped before unscaling":
                norm = float(nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        elif not o.get("half", False):
            nn.utils.clip_grad_norm_(model.parameters(), o.get("clip", 1.0))
        if scaled and o.get("dynamic", False):
            good = good + 1 if math.isfinite(norm) else 0
            if good:
                optimizer.step()
            scale = scale / 2 if not good else scale * (2 if good % 200 == 0 else 1)
        elif math.isfinite(shown) or not o.get("guard", False):
            optimizer.step()
        if o.fault == "weights damaged once" and step == at:
            with torch.no_grad():
                model.blocks[1].ff[0][2].weight.mul_(-6)
        if o.fault == "old weights loaded again and again" and step % o.get("every_load", 150) == 0:
            if saved is None and step:
                saved = copy.deepcopy(model.state_dict())
            elif saved is not None:
                model.load_state_dict(saved)
        if o.fault == "validation set replaced" and step == at:
            held = [data.other]
        if step % o.get("every", 10) == 0:
            _show(o, step, shown, rate, norm, scale, model, total)
        if step % o.get("every_eval", 100) == 0 or step == steps - 1:
            draw = random.Random(5)
            val = evaluate(model, data, held, draw)
            perplexity = 2**val if o.fault == "perplexity of another base" else math.exp(min(val, 50))
            if o.log.style == "nano":
                o.log.row(step=step, loss=shown, val_loss=val)
            elif o.get("evaluates", True):
                o.log.row(step=step, val_loss=val, val_ppl=perplexity if o.get("ppl", False) else None)
    o.log.close()


def _show(
    o: Options, step: int, loss: float, rate: float, norm: float, scale: float, model: Model, total: torch.Tensor
) -> None:
    shows = o.get("shows", ("lr",))
    extra: dict[str, float] = {}
    if "lr" in shows:
        extra["lr"] = rate
    if "norm" in shows:
        extra["grad_norm"] = norm
    if "scale" in shows:
        extra["scale"] = scale
    if "balance" in shows:
        extra["aux_loss"] = float(sum(block.balance for block in model.blocks) / 2)
        extra["expert_max_share"] = max(block.busiest for block in model.blocks)
        extra["total_loss"] = total.item()
    o.log.row(step=step, loss=loss, **extra)
