"""Tables: regression and classification by small networks, with the ways in which columns and targets go wrong."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, grad_norm, mean, set_rate


class Table:
    """Twelve numbers and one category of 8; the target is a smooth function of them with noise."""

    def __init__(self, o: Options) -> None:
        self.o = o
        count = o.get("count", 1500)
        total = count + 400
        x = torch.randn(total, 12)
        kind = torch.randint(0, 8, (total,))
        effect = torch.randn(8)
        first, second = torch.randn(12, 24) / 3, torch.randn(24) / 4
        y = (x @ first).tanh() @ second + effect[kind] + o.get("noise", 0.3) * torch.randn(total)
        if o.get("drift", False) or o.fault == "validation of a later time":
            late = torch.arange(total) >= count
            x = torch.where(late[:, None], 1.2 * x + 0.9, x)
            y = torch.where(late, y + 0.02 * x.sum(1) + o.get("later", 1.5), y)
        if o.fault == "the target leaks into the inputs":
            x[:, 5] = y + 0.03 * torch.randn(total)
        self.level, self.size = o.get("level", 0.0), o.get("size", 1.0)
        y = y * self.size + self.level
        if o.get("features", False):
            scales = torch.tensor([1.0, 1e5, 1, 1, 2e4, 1, 1, 1, 1, 300, 1, 1])
            x = x * scales if o.fault == "columns of very different size" else x
        if o.fault == "missing values":
            hole = torch.rand(total) < o.get("part", 0.002)
            x[hole, 3] = float("nan")
        if o.fault == "outliers among the targets":
            y = torch.where(torch.rand(total) < 0.004, y + o.get("far", 60.0) * self.size, y)
        self.x, self.y, self.kind = x[:count], y[:count], kind[:count]
        self.vx, self.vy, self.vkind = x[count:], y[count:], kind[count:]
        if o.fault == "categories numbered anew for validation":
            self.vkind = torch.randperm(8)[self.vkind]
        self.mean, self.std = self.y.mean(), self.y.std()
        if o.get("task", "regression") == "classes":
            self.cut = self.y.median()
        if o.fault == "validation rows in training":
            self.x, self.y, self.kind = (
                torch.cat([self.x, self.vx]),
                torch.cat([self.y, self.vy]),
                torch.cat([self.kind, self.vkind]),
            )


class Net(nn.Module):
    """A category's embedding beside the numbers."""

    def __init__(self, width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(8, 4)
        self.body = nn.Sequential(
            nn.Linear(16, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, outputs),
        )

    def forward(self, x: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
        return self.body(torch.cat([x, self.embedding(kind)], 1))


def loss_of(o: Options, table: Table, out: torch.Tensor, y: torch.Tensor, training: bool) -> torch.Tensor:
    task = o.get("task", "regression")
    if task == "classes":
        y = (y > table.cut).long()
        if o.fault == "log by hand":
            return -(out.softmax(1)[torch.arange(len(y)), y]).log().mean()
        return F.cross_entropy(out, y)
    if o.get("standardise", False) and o.fault != "targets not scaled" and training:
        y = (y - table.mean) / table.std
    if (
        o.get("standardise", False)
        and o.fault not in ("targets not scaled", "validation loss in other units")
        and not training
    ):
        y = (y - table.mean) / table.std
    if task == "density":
        centre, spread = out[:, 0], out[:, 1].exp() + o.if_fault("variance without a floor", 0.0, 0.05)
        return (spread.log() + 0.5 * ((y - centre) / spread) ** 2).mean()
    out = out[:, 0]
    if o.fault == "loss broadcast":
        return F.mse_loss(out[:, None], y)
    if o.get("huber", False):
        return F.huber_loss(out, y, delta=o.if_fault("huber far too narrow", 1e-4, 1.0))
    return F.mse_loss(out, y)


def train(o: Options) -> None:
    table = Table(o)
    outputs = 1 if o.get("task", "regression") == "regression" else 2
    model = Net(o.get("width", 48), outputs, o.get("dropout", 0.0))
    top = o.get("lr", 3e-3) * o.if_fault("rate too high", 200, 1) * o.if_fault("rate too low", 1 / 500, 1)
    parameters = list(model.parameters())
    if o.get("sgd", False):
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            parameters, lr=top, momentum=o.if_fault("momentum too high", 0.999, 0.9)
        )
    else:
        optimizer = torch.optim.Adam(parameters, lr=top, weight_decay=o.if_fault("decay by the gradient", 0.3, 0.0))
    size, epochs = o.get("batch", 64), o.get("epochs", 40)
    per = math.ceil(len(table.x) / size)
    step, best, waited = 0, math.inf, 0
    for epoch in range(epochs):
        losses, norms = [], []
        for i in torch.randperm(len(table.x)).split(size):
            if o.get("schedule", "cosine") == "cosine":
                set_rate(optimizer, cosine(step, per * epochs, top, per, 0.01))
            if o.fault == "rate at zero" and epoch >= o.get("at_epoch", 12):
                set_rate(optimizer, 0.0)
            model.train()
            if o.fault != "gradients never zeroed":
                optimizer.zero_grad()
            loss = loss_of(o, table, model(table.x[i], table.kind[i]), table.y[i], True)
            loss.backward()
            norms.append(grad_norm(model))
            if o.get("clip", 0):
                nn.utils.clip_grad_norm_(model.parameters(), o.if_fault("clip far too low", 1e-6, o.get("clip", 0)))
            optimizer.step()
            if o.get("per_step", False) and step % o.get("every", 5) == 0:
                o.log.row(step=step, loss=loss, grad_norm=norms[-1] if "norm" in o.get("shows", ()) else None)
            losses.append(loss.item())
            step += 1
        val, extra = evaluate(o, table, model)
        rate = optimizer.param_groups[0]["lr"] if "lr" in o.get("shows", ()) else None
        norm = mean(norms) if "norm" in o.get("shows", ()) else None
        if o.get("per_step", False):
            o.log.row(step=step, val_loss=val, **extra)
        elif o.log.style == "boost":
            o.log.row(step=epoch, **{"train-loss": mean(losses), "valid-loss": val}, **extra)
        else:
            o.log.row(epoch=epoch + 1, loss=mean(losses), val_loss=val, **extra, lr=rate, grad_norm=norm)
        waited = 0 if val < best else waited + 1
        best = min(best, val)
        if o.get("patience", 0) and waited > o.get("patience", 0):
            o.log.line(f"EarlyStopping: no improvement for {waited} epochs, stopping. best={best:.4f}")
            break
    o.log.close()


def evaluate(o: Options, table: Table, model: nn.Module) -> tuple[float, dict[str, float]]:
    model.eval()
    with torch.no_grad():
        out = model(table.vx, table.vkind)
        val = float(loss_of(o, table, out, table.vy, False))
        if o.get("task", "regression") == "classes":
            return val, {"val_acc": float((out.argmax(1) == (table.vy > table.cut)).float().mean())}
        if o.get("r2", False):
            y = table.vy
            if o.get("standardise", False) and o.fault != "targets not scaled":
                y = (y - table.mean) / table.std
            return val, {"val_r2": float(1 - ((out[:, 0] - y) ** 2).mean() / y.var())}
    return val, {}
