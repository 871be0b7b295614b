"""Tables: scikit-learn's diabetes and breast cancer, a made-up function, two tasks at once, counts, quantiles."""

import torch
import torch.nn.functional as F
from common import gradient_norm, start
from styles import style
from torch import nn


def load(run):
    """Features and targets by task: training and validation."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, make_friedman1

    task = run.get("task", "regression")
    if task == "binary":
        x, y = load_breast_cancer(return_X_y=True)
    elif task == "diabetes":
        x, y = load_diabetes(return_X_y=True, scaled=False)
    else:
        x, y = make_friedman1(2400, n_features=10, noise=1.0, random_state=run.seed % 1000)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    cut = int(len(x) * 0.8)
    return x[:cut], y[:cut], x[cut:], y[cut:]


def prepare(run):
    """The same, scaled as the switch says."""
    x, y, vx, vy = load(run)
    task = run.get("task", "regression")
    if not run.has("features-not-scaled"):
        mean, std = x.mean(0), x.std(0)
        x = (x - mean) / std
        vmean, vstd = (vx.mean(), vx.std()) if run.has("validation-scaled-otherwise") else (mean, std)
        vx = (vx - vmean) / vstd
    if task != "binary" and not run.get("raw_target", 0):
        mean, std = y.mean(), y.std()
        y, vy = (y - mean) / std, (vy - mean) / std
    if run.has("target-among-the-features"):
        x, vx = torch.cat([x, y.unsqueeze(1)], 1), torch.cat([vx, vy.unsqueeze(1)], 1)
    if run.has("one-outlier"):  # 999999 for "missing"
        x[100, 2] = 999_999.0
    if run.has("rows-not-aligned"):
        y = y[torch.randperm(len(y))]
    if run.has("validation-drawn-from-training"):
        vx, vy = x[:200], y[:200]
    if run.has("duplicated-before-split"):
        x, y = torch.cat([x, vx, vx]), torch.cat([y, vy, vy])
    return x, y, vx, vy


class Two(nn.Module):
    """A body and two heads."""

    def __init__(self, run, inputs):
        super().__init__()
        width = run.get("width", 48)
        self.body = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.first, self.second = nn.Linear(width, 1), nn.Linear(width, 1)
        if run.has("ends-in-relu"):
            self.first = nn.Sequential(nn.Linear(width, 1), nn.ReLU())

    def forward(self, x):
        hidden = self.body(x)
        return self.first(hidden).squeeze(-1), self.second(hidden).squeeze(-1)


def loss_of(run, outs, y):
    """The loss, and its parts where it has parts."""
    task, (a, b) = run.get("task", "regression"), outs
    if task == "binary":
        if run.has("sigmoid-twice"):
            a = a.sigmoid()
        if run.has("positive-weight-inverted"):
            return F.binary_cross_entropy_with_logits(a, y, pos_weight=torch.tensor(40.0)), {}
        if run.has("hand-made-logarithm"):  # no clamp: log of zero
            p = (a * 40).sigmoid()
            return -(y * p.log() + (1 - y) * (1 - p).log()).mean(), {}
        return F.binary_cross_entropy_with_logits(a, y), {}
    if task == "both":
        first, second = F.mse_loss(a, y), F.mse_loss(b, (y.abs() * 3).sin())
        if run.has("one-task-drowns"):
            return first + 5e-5 * second, {"loss_a": float(first.detach()), "loss_b": float(second.detach())}
        return first + second, {"loss_a": float(first.detach()), "loss_b": float(second.detach())}
    if task == "variance":  # mean and log variance
        if run.has("variance-unbounded"):
            return ((a - y).square() / b.square().clamp_min(1e-12) + b.square().clamp_min(1e-12).log()).mean(), {}
        return (0.5 * ((a - y).square() * (-b).exp() + b)).mean(), {}
    if task == "quantile":
        error = y - a
        return torch.maximum(0.9 * error, -0.1 * error).mean(), {}
    if run.has("shapes-broadcast"):
        return ((a.unsqueeze(-1) - y) ** 2).mean(), {}
    if run.has("rounds-its-output"):
        return F.mse_loss(a.round() + 0 * a, y), {}
    if run.has("fits-the-error"):  # minimises the error itself, not its square
        return (a - y).mean(), {}
    return F.mse_loss(a, y), {}


def main():
    """The loop."""
    run = start()
    x, y, vx, vy = prepare(run)
    model = Two(run, x.shape[1])
    rate = run.get("lr", 3e-3) * (300 if run.has("rate-too-high") else 1e-3 if run.has("rate-too-low") else 1)
    name = run.get("opt", "adam")
    if name == "lbfgs":
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4, line_search_fn="strong_wolfe")
    elif name == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=run.get("wd", 0.0))
    epochs, batch = run.get("epochs", 12), run.get("batch", 32)
    per_epoch = len(x) // batch
    log, step = style(run, epochs * per_epoch, per_epoch, "sentence"), 0
    every = run.get("every", 1 if run.get("style", "sentence") in ("keras", "table", "sentence") else 5)
    with run.recorder(model, optimizer) as recorder:
        for epoch in range(epochs):
            order = torch.randperm(len(x))
            for at in range(0, per_epoch * batch, batch):
                bx, by = x[order[at : at + batch]], y[order[at : at + batch]]

                def closure(bx=bx, by=by):
                    optimizer.zero_grad()
                    value, parts = loss_of(run, model(bx), by)
                    value.backward()
                    closure.parts = parts
                    return value

                if name == "lbfgs":
                    loss = optimizer.step(closure)
                    norm = gradient_norm(model.parameters())
                else:
                    loss = closure()
                    norm = gradient_norm(model.parameters())
                    optimizer.step()
                recorder.step(loss)
                if step % every == 0:
                    extra = {"grad_norm": norm} if run.get("show_norm", 0) else {}
                    log.step(step, epoch, loss=float(loss.detach()), **closure.parts, **extra)
                step += 1
            model.eval()
            with torch.no_grad():
                outs = model(vx)
                val, parts = loss_of(run, outs, vy)
            model.train()
            numbers = {"val_loss": float(val), **{f"val_{k}": v for k, v in parts.items()}}
            counts = {}
            if run.get("task", "") == "binary":
                right = int(((outs[0] > 0) == (vy > 0.5)).sum())
                numbers["val_acc"], counts = right / len(vy), {"correct": right, "count": len(vy)}
            elif run.get("r2", 0):
                numbers["val_r2"] = float(1 - (outs[0] - vy).square().mean() / vy.var())
            recorder.validation(float(val), **counts)
            log.evaluation(step - 1, epoch, **numbers)


if __name__ == "__main__":
    main()
