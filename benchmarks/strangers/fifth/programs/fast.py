"""Accelerate: digits by a small convolution, or matching a teacher."""

import torch
from accelerate import Accelerator
from common import Printer, digits, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(what="digits", epochs=8, size=32, rate=1e-3, group=1, teacher=0, focal=0.0)
say = Printer(o.style)
x, y, vx, vy = digits(o.seed)
x, vx = (x - 4.9) / 6, (vx - 4.9) / 6
if o.fault == "labels-partly-random":  # a join by a key that is not unique
    mixed = torch.rand(len(y)) < 0.5
    y[mixed] = y[mixed][torch.randperm(int(mixed.sum()))]


def network(width):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


teacher = network(128)
if o.teacher:
    first = torch.optim.Adam(teacher.parameters(), lr=2e-3)
    for _ in range(200):
        part = torch.randint(0, len(x), (64,))
        first.zero_grad()
        F.cross_entropy(teacher(x[part]), y[part]).backward()
        first.step()
teacher.requires_grad_(False)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=o.group)
model = network(64)
optimizer = torch.optim.AdamW(model.parameters(), lr=o.rate)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=o.size, shuffle=True)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)


def loss_of(out, x, y):
    if o.teacher:
        soft = F.kl_div(F.log_softmax(out / 3, 1), F.softmax(teacher(x) / 3, 1), reduction="batchmean") * 9
        return 0.8 * soft + 0.2 * F.cross_entropy(out, y)
    if o.focal:
        each = F.cross_entropy(out, y, reduction="none")
        return ((1 - (-each).exp()) ** o.focal * each).mean()
    return F.cross_entropy(out, y)


step = 0
with newllm.record(model, optimizer, out=o.out / "recording") as recorder:
    for epoch in range(o.epochs):
        model.train()
        for bx, by in loader:
            with accelerator.accumulate(model):
                loss = loss_of(model(bx), bx, by)
                accelerator.backward(loss)
                if o.fault == "cleared-before-the-step":
                    optimizer.zero_grad()
                optimizer.step()
                optimizer.zero_grad()
            if accelerator.sync_gradients:
                recorder.step(loss)
                step += 1
                if step % 10 == 0:
                    say(epoch=epoch, step=step, loss=loss.item())
        model.eval()
        with torch.no_grad():
            out = model(vx)
            value, right = loss_of(out, vx, vy).item(), int((out.argmax(1) == vy).sum())
        recorder.validation(value, correct=right, count=len(vy))
        say(epoch=epoch, step=step, eval_loss=value, eval_accuracy=right / len(vy))
