"""Contrastive and other representation learning, distillation, preferences, experts."""

import copy

import torch
import torch.nn.functional as F
from common import digits, gradient_norm, start
from styles import style
from torch import nn


def body(width=96, out=48):
    """An encoder of images."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, out))


def view(x):
    """A random view of images: moved and noisy."""
    moved = x.roll(int(torch.randint(-1, 2, ())), -1).roll(int(torch.randint(-1, 2, ())), -2)
    return moved + 0.4 * torch.randn_like(x)


def images():
    """Normalised digits."""
    x, y, vx, vy = digits()
    return (x - 4.88) / 6.0, y, (vx - 4.88) / 6.0, vy


@torch.no_grad()
def neighbours(model, x, y, vx, vy):
    """Accuracy of the nearest neighbour."""
    model.eval()
    a, b = F.normalize(model(x), dim=-1), F.normalize(model(vx), dim=-1)
    model.train()
    return float((y[(b @ a.T).argmax(-1)] == vy).float().mean())


def simclr(run):
    """Contrastive learning."""
    x, y, vx, vy = images()
    model = body()
    optimizer = torch.optim.Adam(model.parameters(), lr=run.get("lr", 1e-3))
    total, batch = run.get("steps", 400), 128
    log = style(run, total)
    temperature = 0.0005 if run.has("temperature-too-low") else 20.0 if run.has("temperature-too-high") else 0.2
    with run.recorder(model, optimizer) as recorder:
        for step in range(total):
            rows = x[torch.randint(0, len(x), (batch,))]
            one = view(rows)
            two = one if run.has("views-are-the-same") else view(rows)
            if run.has("pairs-do-not-belong"):
                two = two.roll(3, 0)
            a, b = F.normalize(model(one), dim=-1), F.normalize(model(two), dim=-1)
            scores = a @ b.T / temperature
            loss = (F.cross_entropy(scores, torch.arange(batch)) + F.cross_entropy(scores.T, torch.arange(batch))) / 2
            optimizer.zero_grad()
            loss.backward()
            norm = gradient_norm(model.parameters())
            optimizer.step()
            recorder.step(loss)
            if step % 10 == 0:
                accuracy = float((scores.argmax(-1) == torch.arange(batch)).float().mean())
                log.step(step, 0, loss=float(loss), contrast_acc=accuracy, grad_norm=norm)
            if (step + 1) % 100 == 0:
                log.evaluation(step, 0, knn_acc=neighbours(model, x, y, vx, vy))


def siamese(run):
    """SimSiam: no negatives, a predictor, and no gradient into the target."""
    x, y, vx, vy = images()
    model = nn.ModuleDict({"body": body(), "predictor": nn.Sequential(nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 48))})
    optimizer = torch.optim.SGD(model.parameters(), lr=run.get("lr", 0.05), momentum=0.9, weight_decay=1e-4)
    total = run.get("steps", 400)
    log = style(run, total)

    def half(p, z):
        return -F.cosine_similarity(p, z if run.has("gradient-into-the-target") else z.detach(), dim=-1).mean()

    with run.recorder(model, optimizer) as recorder:
        for step in range(total):
            rows = x[torch.randint(0, len(x), (128,))]
            z1, z2 = model["body"](view(rows)), model["body"](view(rows))
            if run.has("gradient-into-the-target"):
                loss = half(z1, z2)
            else:
                loss = (half(model["predictor"](z1), z2) + half(model["predictor"](z2), z1)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if step % 10 == 0:
                spread = float(F.normalize(z1, dim=-1).std(0).mean())
                log.step(step, 0, loss=float(loss), feature_std=spread)
            if (step + 1) % 100 == 0:
                log.evaluation(step, 0, knn_acc=neighbours(model["body"], x, y, vx, vy))


def distill(run):
    """A small network learns from a larger one."""
    x, y, vx, vy = images()
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
    if not run.has("teacher-untrained"):  # the file held other keys, and strict=False said nothing
        tuned = torch.optim.Adam(teacher.parameters(), lr=3e-3)
        for _ in range(300):
            rows = torch.randint(0, len(x), (64,))
            tuned.zero_grad()
            F.cross_entropy(teacher(x[rows]), y[rows]).backward()
            tuned.step()
    teacher.train(run.has("teacher-in-training-mode"))
    student = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
    optimizer = torch.optim.Adam(student.parameters(), lr=2e-3)
    total, warmth = run.get("steps", 400), 3.0
    log = style(run, total)
    with run.recorder(student, optimizer) as recorder:
        for step in range(total):
            rows = torch.randint(0, len(x), (64,))
            with torch.no_grad():
                goal = teacher(x[rows])
            out = student(x[rows])
            soft = F.kl_div(
                (out / warmth).log_softmax(-1),
                (goal / warmth).log_softmax(-1) if run.has("target-in-logarithms") else (goal / warmth).softmax(-1),
                reduction="batchmean",
            )
            hard = F.cross_entropy(out, y[rows])
            loss = soft * warmth**2 + run.get("hard", 0.1) * hard
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if step % 10 == 0:
                log.step(step, 0, loss=float(loss), kd_loss=float(soft), ce_loss=float(hard))
            if (step + 1) % 50 == 0:
                with torch.no_grad():
                    out = student(vx)
                    val, right = float(F.cross_entropy(out, vy)), int((out.argmax(-1) == vy).sum())
                recorder.validation(val, correct=right, count=len(vy))
                log.evaluation(step, 0, val_loss=val, val_acc=right / len(vy))


class Writer(nn.Module):
    """A policy over sequences of eight tokens."""

    def __init__(self):
        super().__init__()
        self.tokens, self.cell, self.head = nn.Embedding(20, 32), nn.GRU(32, 48, batch_first=True), nn.Linear(48, 20)

    def forward(self, rows):
        out = self.head(self.cell(self.tokens(rows[:, :-1]))[0]).log_softmax(-1)
        return out.gather(-1, rows[:, 1:, None]).squeeze(-1).sum(-1)


def preferences(run):
    """Direct preference optimisation against a frozen copy."""
    policy = Writer()
    first = torch.optim.Adam(policy.parameters(), lr=3e-3)

    def pairs(count):
        rows = torch.randint(0, 20, (2, count, 8))
        score = (rows < 10).float().sum(-1) + 0.7 * torch.randn(2, count)
        better = (score[0] >= score[1])[:, None]
        return torch.where(better, rows[0], rows[1]), torch.where(better, rows[1], rows[0])

    for _ in range(100):  # supervised first
        first.zero_grad()
        (-policy(pairs(64)[0]).mean()).backward()
        first.step()
    reference = policy if run.has("reference-is-the-policy") else copy.deepcopy(policy)
    if run.has("reference-of-random-weights"):
        reference = Writer()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=run.get("lr", 1e-3))
    total, beta = run.get("steps", 250), 0.3
    log = style(run, total)
    with run.recorder(policy, optimizer) as recorder:
        for step in range(total):
            chosen, rejected = pairs(64)
            if run.has("half-of-the-pairs-swapped"):
                swap = (torch.rand(64) < 0.5)[:, None]
                chosen, rejected = torch.where(swap, rejected, chosen), torch.where(swap, chosen, rejected)
            a, b = policy(chosen), policy(rejected)
            with torch.no_grad():
                ra, rb = reference(chosen), reference(rejected)
            good, bad = beta * (a - ra), beta * (b - rb)
            loss = -F.logsigmoid(good - bad).mean()
            optimizer.zero_grad()
            loss.backward()
            norm = gradient_norm(policy.parameters())
            optimizer.step()
            recorder.step(loss)
            if step % 10 == 0:
                log.step(
                    step, 0, loss=float(loss.detach()), grad_norm=norm,
                    **{
                        "rewards/chosen": float(good.mean()), "rewards/rejected": float(bad.mean()),
                        "rewards/accuracies": float((good > bad).float().mean()),
                        "rewards/margins": float((good - bad).mean()),
                    },
                )  # fmt: skip


class Experts(nn.Module):
    """A mixture of four experts, one for each image."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(64, 4)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)) for _ in range(4)])

    def forward(self, x):
        shares = self.router(x.flatten(1)).softmax(-1)
        best = shares.argmax(-1)
        outs = torch.stack([e(x.flatten(1)) for e in self.experts], 1)
        rows = torch.arange(len(x))
        return outs[rows, best] * shares[rows, best, None], shares, best


def experts(run):
    """Trains it with a loss for balance, or without."""
    x, y, vx, vy = images()
    model = Experts()
    if run.has("no-balance-loss"):
        model.router.bias.data[0] = 3.0
    optimizer = torch.optim.Adam(model.parameters(), lr=run.get("lr", 2e-3))
    total = run.get("steps", 400)
    log = style(run, total)
    with run.recorder(model, optimizer) as recorder:
        for step in range(total):
            rows = torch.randint(0, len(x), (64,))
            out, shares, best = model(x[rows])
            load = F.one_hot(best, 4).float().mean(0)
            balance = 4 * (load * shares.mean(0)).sum()
            loss = F.cross_entropy(out, y[rows])
            if not run.has("no-balance-loss"):
                loss = loss + 0.5 * balance
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if step % 10 == 0:
                log.step(step, 0, loss=float(loss.detach()), balance_loss=float(balance.detach()),
                         **{f"expert_load_{i}": float(v) for i, v in enumerate(load)})  # fmt: skip
            if (step + 1) % 50 == 0:
                with torch.no_grad():
                    out = model(vx)[0]
                    val, right = float(F.cross_entropy(out, vy)), int((out.argmax(-1) == vy).sum())
                recorder.validation(val, correct=right, count=len(vy))
                log.evaluation(step, 0, val_loss=val, val_acc=right / len(vy))


if __name__ == "__main__":
    asked = start()
    tasks = {
        "simclr": simclr, "siamese": siamese, "distill": distill, "preferences": preferences, "experts": experts
    }  # fmt: skip
    tasks[asked.get("task", "simclr")](asked)
