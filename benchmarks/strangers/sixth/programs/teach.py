"""Teachers, averages and second trainings, on digits. python teach.py --out DIR [--fault F] [--set k=v ...]"""

import torch
from common import Given, Say, digits
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
what, epochs, batch, rate = given("what", "distil"), given("epochs", 16), given("batch", 40), given("rate", 0.002)
X, Y, V, W = digits(given.seed)
say = Say(given("style", "bar"), epochs * (len(X) // batch))


def body(wide):
    return nn.Sequential(nn.Conv2d(1, wide, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(wide * 16, 48), nn.ReLU())  # fmt: skip


class Net(nn.Module):
    def __init__(self, wide, classes=10):
        super().__init__()
        self.body, self.head = body(wide), nn.Linear(48, classes)

    def forward(self, x):
        return self.head(self.body(x[:, None]))


def trained(model, x, y, rounds):
    """A model trained elsewhere, before this training."""
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(rounds):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return model.eval()


def distil_loss(logits, teacher, y):
    heat = given("heat", 4.0)
    soft = F.softmax(teacher / heat, -1)
    if given.has("kl-takes-probabilities"):
        apart = F.kl_div(F.softmax(logits / heat, -1), soft, reduction="batchmean")
    else:
        apart = F.kl_div(F.log_softmax(logits / heat, -1), soft, reduction="batchmean")
    return heat**2 * apart + 0.1 * F.cross_entropy(logits, y)


def twin_of(model):
    """Another model with these weights."""
    other = Net(given("wide", 6))
    other.load_state_dict(model.state_dict())
    return other


def judge(model, recorder):
    training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(V)
        value, correct = F.cross_entropy(logits, W).item(), (logits.argmax(-1) == W).sum().item()
    model.train(training)
    recorder.validation(value, correct=correct, count=len(W))
    return value, correct / len(W)


def groups(model):
    """The head learns faster than what was trained before."""
    return [{"params": model.body.parameters(), "lr": rate * 0.2}, {"params": model.head.parameters(), "lr": rate}]


def main():
    teacher = average = best = None
    least = float("inf")
    model = Net(given("wide", 6))
    if what == "distil":
        teacher = trained(Net(16), X, Y, 6)
    if what == "fine":
        few = Y < 5
        old = trained(Net(given("wide", 6)), X[few], Y[few], 4)
        model.body.load_state_dict(old.body.state_dict())
        if given("frozen", 0):
            model.body.requires_grad_(False)
        optimizer = torch.optim.AdamW(groups(model))
    elif what == "restore":
        optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(model.parameters(), rate)
    if what == "average":
        average = twin_of(model).requires_grad_(False)
    rows_of = torch.arange(len(X))
    step = 0
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for epoch in range(epochs):
            total, count = 0.0, 0
            if given("frozen", 0) and epoch == given("frozen", 0):
                model.body.requires_grad_(True)
                recorder.note(step + 1, "unfrozen")
                print("\nbody unfrozen")
            if what == "restore" and epoch in (given("first", 6), given("first", 6) * 2):
                if given.has("reloaded-into-a-copy"):
                    model = twin_of(best)
                else:
                    model.load_state_dict(best.state_dict())
                for group in optimizer.param_groups:
                    group["lr"] *= 0.3
                recorder.note(step + 1, "learning rate drop")
                print("\nback to the best weights, learning rate times 0.3")
            for rows in rows_of[torch.randperm(len(rows_of))].split(batch):
                x = X[rows] + given("noise", 0.0) * torch.randn(len(rows), 8, 8)
                logits = model(x)
                if teacher is not None:
                    with torch.no_grad():
                        guess = teacher(x)
                    loss = distil_loss(logits, guess, Y[rows])
                else:
                    loss = F.cross_entropy(logits, Y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                if average is not None:
                    decay = 0.9999 if given.has("average-too-slow") else 0.98
                    for a, p in zip(average.parameters(), model.parameters(), strict=True):
                        a.lerp_(p.detach(), 1 - decay)
                recorder.step(loss)
                total, count = total + loss.item(), count + 1
                say.step(step, loss.item(), optimizer.param_groups[0]["lr"])
            value, accuracy = judge(average if average is not None else model, recorder)
            if value < least:
                least, best = value, twin_of(model)
            say.judged(step, epoch + 1, total / count, value, acc=accuracy)


if __name__ == "__main__":
    main()
