"""Accelerate: classifiers with accumulation, and a stream that workers share. python quick.py --out DIR [--fault F] [--set k=v ...]"""

import torch
from accelerate import Accelerator
from common import Given, Say, digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, get_worker_info

import newllm

given = Given()
what, steps, rate, batch = given("what", "digits"), given("steps", 500), given("rate", 0.05), given("batch", 16)
group = given("group", 4)
say = Say(given("style", "fairseq"), steps, 10)
X, Y, V, W = digits(given.seed)


class Stream(IterableDataset):
    """Rows in a shuffled order, as from a file that is read on and on."""

    def __init__(self, x, y):
        self.x, self.y, self.epoch = x, y, 0

    def __iter__(self):
        order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(self.epoch))
        info = get_worker_info()
        if info is not None and not given.has("every-worker-reads-all"):
            order = order[info.id :: info.num_workers]
        for i in order:
            yield self.x[i], self.y[i]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(given("dropout", 0.0)), nn.Linear(64, 48), nn.ReLU()
        )
        self.digit, self.parity = nn.Linear(48, 10), nn.Linear(48, 1)

    def forward(self, x):
        x = self.body(x)
        return (self.digit(x), self.parity(x)[:, 0]) if given("tasks", 1) == 2 else self.digit(x)


def loss_of(model, x, y):
    if given("tasks", 1) == 2:
        digit, parity = model(x)
        return F.cross_entropy(digit, y) + 0.5 * F.binary_cross_entropy_with_logits(parity, (y % 2).float())
    return F.cross_entropy(model(x), y)


def renumbered(y, step):
    """Rows of the newest file have labels of another list of names."""
    if given.has("labels-renumbered") and step >= given("from", 260):
        return (y + 3) % 10
    return y


def main():
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=group, mixed_precision=given("precision", "no"))
    few = given("few", 1400)
    x, y = X[:few], Y[:few]
    if what == "stream":
        source = Stream(x, y)
        loader = DataLoader(source, batch, num_workers=2)
    else:
        source = None
        loader = DataLoader(TensorDataset(x, y), batch, shuffle=True)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    if given("optimizer", "sgd") == "radam":
        optimizer = torch.optim.RAdam(model.parameters(), rate)
    model, optimizer, prepared = accelerator.prepare(model, optimizer, loader)
    if what == "stream":
        prepared = loader
    step, losses, epoch, last = 0, [], 0, 0.0
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        while step < steps:
            if source is not None:
                source.epoch = epoch
            for rows in prepared:
                if step >= steps:
                    break
                images, target = rows[0], renumbered(rows[1], step)
                if given.has("divided-but-not-accumulated"):
                    loss = loss_of(model, images, target)
                    accelerator.backward(loss)
                    optimizer.step()
                    optimizer.zero_grad()
                    done, losses = True, [loss.detach()]
                else:
                    with accelerator.accumulate(model):
                        loss = loss_of(model, images, target)
                        accelerator.backward(loss)
                        losses.append(loss.detach())
                        optimizer.step()
                        optimizer.zero_grad()
                    done = accelerator.sync_gradients
                if not done:
                    continue
                step += 1
                last = (sum(losses) / len(losses)).item()
                recorder.step(sum(losses) / len(losses))
                losses = []
                say.step(step, last, rate)
                if step % 40 == 0:
                    model.eval()
                    with torch.no_grad():
                        value = loss_of(model, V, W).item()
                        out = model(V)
                        correct = ((out[0] if given("tasks", 1) == 2 else out).argmax(-1) == W).sum().item()
                    model.train()
                    recorder.validation(value, correct=correct, count=len(W))
                    say.judged(step, epoch + 1, last, value, acc=correct / len(W))
            epoch += 1


if __name__ == "__main__":
    main()
