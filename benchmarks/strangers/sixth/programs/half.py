"""Digits row by row through a small encoder, in 16 bits. python half.py --out DIR [--fault F] [--set k=v ...]"""

import copy

import torch
from common import Given, Say, digits
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
kind, epochs, batch, rate = given("bits", "bf16"), given("epochs", 12), given("batch", 32), given("rate", 0.002)
X, Y, V, W = digits(given.seed)
TYPE = torch.float16 if kind == "fp16" else torch.bfloat16
say = Say(given("style", "logging"), epochs * -(-len(X) // batch), 10)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.read, self.places = nn.Linear(8, 40), nn.Parameter(torch.randn(8, 40) * 0.1)
        self.before, self.q, self.k, self.v = nn.LayerNorm(40), nn.Linear(40, 40), nn.Linear(40, 40), nn.Linear(40, 40)
        self.between, self.feed = nn.LayerNorm(40), nn.Sequential(nn.Linear(40, 96), nn.GELU(), nn.Linear(96, 40))
        self.head = nn.Linear(40, 10)

    def forward(self, x):
        x = self.read(x) + self.places
        h = self.before(x)
        scores = self.q(h) @ self.k(h).transpose(1, 2) / 40**0.5
        x = x + scores.softmax(-1) @ self.v(h)
        x = x + self.feed(self.between(x))
        return self.head(x.mean(1))


def optimizer_of(model):
    if given("optimizer", "adamw") == "sgd":
        return torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    return torch.optim.AdamW(model.parameters(), rate, betas=(0.9, given("beta", 0.999)))


def train(model, optimizer, scaler, recorder, first, last, step):
    for epoch in range(first, last):
        total, count = 0.0, 0
        for rows in torch.randperm(len(X)).split(batch):
            optimizer.zero_grad()
            if given.has("weights-in-half"):
                loss = F.cross_entropy(model(X[rows].half()), Y[rows])
            else:
                with torch.autocast("cpu", dtype=TYPE):
                    logits = model(X[rows])
                loss = F.cross_entropy(logits.float(), Y[rows])
            if scaler is None:
                loss.backward()
                norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
            else:
                scaler.scale(loss).backward()
                if not given.has("clipped-before-unscaling"):
                    scaler.unscale_(optimizer)
                norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
            step += 1
            recorder.step(loss)
            total, count = total + loss.item(), count + 1
            more = {"gnorm": norm.item()} if given("norm", 0) else {}
            say.step(step, loss.item(), optimizer.param_groups[0]["lr"], **more)
        model.eval()
        with torch.no_grad():
            logits = model(V.half() if given.has("weights-in-half") else V).float()
        model.train()
        value, correct = F.cross_entropy(logits, W).item(), (logits.argmax(-1) == W).sum().item()
        recorder.validation(value, correct=correct, count=len(W))
        say.judged(step, epoch + 1, total / count, value, acc=correct / len(W))
    return step


def main():
    model = Encoder()
    if given.has("weights-in-half"):
        model = model.half()
    optimizer = optimizer_of(model)
    scaler = torch.amp.GradScaler("cpu") if kind == "fp16" and not given.has("weights-in-half") else None
    resume = given("resume", 0)
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        step = train(model, optimizer, scaler, recorder, 0, resume or epochs, 0)
    if not resume:
        return
    kept = copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    model = Encoder()
    optimizer = optimizer_of(model)
    model.load_state_dict(kept["model"])
    optimizer.load_state_dict(kept["optimizer"])
    if given.has("rate-scaled-again-on-resume"):  # eight shards: the rate of one times eight, at each start
        for group in optimizer.param_groups:
            group["lr"] *= 8
    print(f"=> loaded checkpoint at step {step}")
    with newllm.record(model, optimizer, out=given.recording, resumed_at=step, **given.extra) as recorder:
        train(model, optimizer, scaler, recorder, resume, epochs, step)


if __name__ == "__main__":
    main()
