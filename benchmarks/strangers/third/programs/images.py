"""Classifies scikit-learn's digits: a plain loop over epochs with many of the switches of image classification."""

import copy
import math

import torch
import torch.nn.functional as F
from common import digits, gradient_norm, seed_all, start
from styles import style
from torch import nn


class Residual(nn.Module):
    """Two convolutions with batch norm, and a way around them."""

    def __init__(self, width, momentum):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width, momentum=momentum),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width, momentum=momentum),
        )

    def forward(self, x):
        return F.relu(x + self.body(x))


def build(run):
    """The model that the run asks for."""
    kind, drop = run.get("model", "cnn"), run.get("dropout", 0.0)
    if run.has("dropout-is-keep"):  # TensorFlow 1 gave the share that is kept
        drop = 0.95
    if kind == "mlp":
        act = nn.Sigmoid if run.has("deep-sigmoid") else nn.ReLU
        depth, width = run.get("depth", 2), run.get("width", 64)
        layers = [nn.Flatten()]
        for i in range(depth):
            layers += [nn.Linear(64 if i == 0 else width, width), act(), nn.Dropout(drop)]
        model = nn.Sequential(*layers, nn.Linear(width, 10))
    else:
        width = run.get("width", 12)
        momentum = 0.001 if run.has("norm-momentum-tiny") else 0.1
        model = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width, momentum=momentum),
            nn.ReLU(),
            Residual(width, momentum),
            nn.MaxPool2d(2),
            Residual(width, momentum),
            nn.Flatten(),
            nn.Dropout(drop),
            nn.Linear(width * 16, 10),
        )
    if run.has("zero-weights"):
        for weights in model.parameters():
            nn.init.zeros_(weights)
    if run.has("init-too-wide"):
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=2.0)
    return model


def optimizer_of(run, model):
    """The optimizer, with its switches."""
    name, rate = run.get("opt", "sgd"), run.get("lr", 0.05)
    decay = run.get("wd", 0.0)
    if run.has("decay-too-strong"):
        decay = 0.5 if name == "sgd" else 30.0
    momentum = 0.9995 if run.has("momentum-too-high") else run.get("momentum", 0.9)
    if run.has("rate-too-high"):
        rate *= 60
    maximize = run.has("ascends")
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum, weight_decay=decay, maximize=maximize)
    eps = 1.0 if run.has("epsilon-large") else 1e-8
    return torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay, eps=eps, maximize=maximize)


def schedule_of(run, optimizer, epochs, per_epoch):
    """The schedule and how often it is stepped: "batch", "epoch" or "plateau"."""
    name, total = run.get("schedule", "none"), epochs * per_epoch
    sched = torch.optim.lr_scheduler
    if name == "cosine":
        length = epochs if run.has("cosine-length-in-epochs") else total
        return sched.CosineAnnealingLR(optimizer, T_max=length), "batch"
    if name == "steps":
        marks = [epochs // 2, epochs * 3 // 4]
        return sched.MultiStepLR(optimizer, marks, 0.1), "batch" if run.has("milestones-per-batch") else "epoch"
    if name == "plateau":
        mode = "max" if run.has("plateau-mode") else "min"
        return sched.ReduceLROnPlateau(optimizer, mode=mode, patience=1, factor=0.3), "plateau"
    if name == "onecycle":
        length = total // 4 if run.has("cycle-too-short") else total
        return sched.OneCycleLR(optimizer, max_lr=run.get("lr", 0.05), total_steps=length), "batch"
    if name == "restarts":
        return sched.CosineAnnealingWarmRestarts(optimizer, T_0=max(1, total // 4)), "batch"
    if name == "rangetest":
        return sched.ExponentialLR(optimizer, gamma=1e6 ** (1 / total)), "batch"
    if name == "exponential":  # meant for epochs
        return sched.ExponentialLR(optimizer, gamma=0.9), "batch" if run.has("decay-per-batch") else "epoch"
    return sched.LambdaLR(optimizer, lambda step: 1.0), "batch"


def prepare(run):
    """Training and validation data with their faults."""
    x, y, vx, vy = digits()
    if run.has("split-not-shuffled"):  # sorted by class, the last fifth is held out
        all_x, all_y = torch.cat([x, vx]), torch.cat([y, vy])
        order = torch.argsort(all_y, stable=True)
        x, y, vx, vy = all_x[order[:1400]], all_y[order[:1400]], all_x[order[1400:]], all_y[order[1400:]]
    if run.has("labels-random-part"):
        wrong = torch.rand(len(y)) < 0.5
        y = torch.where(wrong, torch.randint(0, 10, y.shape), y)
    if run.get("few", 0):
        x, y = x[: run.get("few", 0)], y[: run.get("few", 0)]
    mean, std = x.mean(), x.std()
    if run.has("pixels-not-scaled"):
        x, vx = x * 16, vx * 16
    else:
        x = (x - mean) / std
        vx = vx if run.has("validation-not-normalized") else (vx - mean) / std
    if run.has("images-shuffled-alone"):
        x = x[torch.randperm(len(x))]
    if run.has("validation-labels-shifted"):  # folders sorted differently: another order of the classes
        vy = (vy + 1) % 10
    if run.has("not-a-number-in-data"):
        x[int(len(x) * 0.7), 0, 3, 3] = float("nan")
    if run.has("shard-broken"):  # one file of seven has its labels moved by one row
        y[800:1000] = y[800:1000].roll(1)
    if run.has("imbalanced-seen-as-accuracy"):
        keep = (y == 0) | (torch.rand(len(y)) < 0.006)
        x, y = x[keep].repeat(6, 1, 1, 1), y[keep].repeat(6)
    return x, y, vx, vy


def order_of(run, y, epoch):
    """The order in which an epoch visits the images."""
    if run.has("sorted-by-class"):
        return torch.argsort(y, stable=True)
    if run.has("shard-broken") or run.get("ordered", 0):
        return torch.arange(len(y))
    if run.get("curriculum", 0):  # the classes come one after another
        allowed = torch.nonzero(y < min(10, 3 + 2 * epoch)).flatten()
        return allowed[torch.randint(0, len(allowed), (len(y),))]
    return torch.randperm(len(y))


def loss_of(run, model, x, y):
    """The training loss of a batch."""
    out = model(x)
    if run.has("softmax-twice"):
        out = out.softmax(-1)
    if run.has("likelihood-of-raw-scores"):  # nll_loss without log_softmax
        return F.nll_loss(out, y), out
    if run.get("mixup", 0):
        share, other = float(torch.distributions.Beta(0.4, 0.4).sample()), torch.randperm(len(x))
        out = model(share * x + (1 - share) * x[other])
        return share * F.cross_entropy(out, y) + (1 - share) * F.cross_entropy(out, y[other]), out
    return F.cross_entropy(out, y, label_smoothing=run.get("smoothing", 0.0)), out


@torch.no_grad()
def evaluate(run, model, x, y):
    """Loss and right answers of the validation data."""
    was = model.training
    if not run.has("evaluates-in-training-mode"):
        model.eval()
    losses, right, batches = 0.0, 0, 0
    for at in range(0, len(x), 64):
        out = model(x[at : at + 64])
        if run.has("softmax-twice"):
            out = out.softmax(-1)
        if run.has("likelihood-of-raw-scores"):
            losses += float(F.nll_loss(out, y[at : at + 64], reduction="sum"))
        else:
            losses += float(F.cross_entropy(out, y[at : at + 64], reduction="sum"))
        right += int((out.argmax(-1) == y[at : at + 64]).sum())
        batches += 1
    if not run.has("stays-in-evaluation-mode"):
        model.train(was)
    if run.has("validation-summed"):  # sums of batches over the number of batches
        return losses / batches, right / len(y), right
    if run.has("accuracy-per-batch"):
        return losses / len(y), right / batches, right
    return losses / len(y), right / len(y), right


def disturb(run, epoch, x):
    """What an epoch does to cached data, on purpose or not."""
    if run.has("scaled-in-place") and epoch >= 1:  # `img /= 255` on a view of the cache
        x /= 4.0
    if run.has("augmented-in-place"):
        x += torch.randn_like(x) * 0.8


def batch_of(run, x, y, rows):
    """A batch, augmented if asked."""
    bx, by = x[rows], y[rows]
    if run.get("augment", 0):
        bx = bx + torch.randn_like(bx) * 0.5
        bx = bx.roll(int(torch.randint(-1, 2, ())), -1)
    return bx, by


class Average:
    """Weights averaged over time."""

    def __init__(self, model, decay):
        self.model, self.decay = copy.deepcopy(model), decay

    def update(self, model):
        """Moves towards the model's weights."""
        with torch.no_grad():
            for mine, theirs in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
                if mine.dtype.is_floating_point:
                    mine.mul_(self.decay).add_(theirs, alpha=1 - self.decay)


def train(run, model, data, log, epochs, recorder_of, fold=None):
    """One training."""
    x, y, vx, vy = data
    batch = run.get("batch", 32)
    per_epoch = math.ceil(len(x) / batch)
    optimizer = optimizer_of(run, model)
    if run.has("optimizer-of-another-model"):
        model = build(run)  # made anew after the optimizer was
    if run.has("frozen-by-mistake"):
        for weights in list(model.parameters())[:-1]:
            weights.requires_grad_(False)
    scheduler, when = schedule_of(run, optimizer, epochs, per_epoch)
    average = Average(model, 0.9999 if run.has("average-too-slow") else 0.95) if run.get("ema", 0) else None
    every = run.get("every", 1 if run.get("style", "") in ("keras", "table", "sentence") else 10)
    kept, running, seen, step, best = {}, 0.0, 0, 0, (1e9, None)
    with recorder_of(model, optimizer) as recorder:
        for epoch in range(epochs):
            disturb(run, epoch, x)
            if not run.has("running-mean-not-reset"):
                running, seen = 0.0, 0
            order = order_of(run, y, epoch)
            for at in range(0, len(order), batch):
                bx, by = batch_of(run, x, y, order[at : at + batch])
                if not run.has("gradients-not-cleared"):
                    optimizer.zero_grad()
                loss, _ = loss_of(run, model, bx, by)
                loss.backward()
                if run.has("clip-too-tight"):
                    nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
                elif run.get("clip", 0.0):
                    nn.utils.clip_grad_norm_(model.parameters(), run.get("clip", 0.0))
                norm = gradient_norm(model.parameters())
                optimizer.step()
                recorder.step(loss)
                if average:
                    average.update(model)
                rate = optimizer.param_groups[0]["lr"]
                if when == "batch" and (not run.has("cycle-too-short") or step < epochs * per_epoch // 4 - 1):
                    scheduler.step()
                running, seen = running + float(loss.detach()), seen + 1
                shown = float(loss.detach())
                if run.has("running-mean-not-reset"):  # a sum of all epochs over the batches of this one
                    shown = running / (step % per_epoch + 1)
                elif run.get("smooth", 0):
                    shown = running / seen
                if step % every == 0:
                    values = {"loss": shown}
                    if run.get("show_lr", 1):
                        values["lr"] = rate
                    if run.get("show_norm", 0):
                        values["grad_norm"] = norm
                    log.step(step, epoch, **values)
                step += 1
                if run.get("resume", 0) and step == epochs * per_epoch * 3 // 5 + 3:
                    interrupted(run, log, kept, model, optimizer, scheduler)
            if when == "epoch":
                scheduler.step()
            judged = average.model if average else model
            val, acc, right = evaluate(run, judged, vx, vy)
            recorder.validation(val, correct=right, count=len(vy))
            if when == "plateau":
                scheduler.step(val)
            kept.setdefault("first", copy.deepcopy(model.state_dict()))
            counts = {"correct": right, "count": len(vy)} if run.get("style", "") == "mnist" else {}
            log.evaluation(step - 1, epoch, val_loss=val, val_acc=acc, **counts)
            if val < best[0]:
                state = model.state_dict()
                best = (val, state if run.has("best-not-copied") else copy.deepcopy(state))
    if run.get("restore", 0):
        model.load_state_dict(best[1])
        val, acc, _ = evaluate(run, model, vx, vy)
        log.say(f"Restored best checkpoint (val_loss {best[0]:.4f}). Final evaluation: loss {val:.4f} acc {acc:.4f}")
    return model


def interrupted(run, log, kept, model, optimizer, scheduler):
    """In the middle of an epoch: the weights go back to what a checkpoint holds, in the same process."""
    log.say("Resuming from checkpoint ckpt_last.pt")
    if run.has("resumes-old-weights"):
        model.load_state_dict(kept["first"])
    if run.has("resumes-without-optimizer"):
        optimizer.state.clear()
    if run.has("resumes-schedule-anew"):
        scheduler.last_epoch = -1
        for group, rate in zip(optimizer.param_groups, scheduler.base_lrs, strict=True):
            group["lr"] = rate
        scheduler.step()
    if run.has("resumes-from-nothing"):  # strict=False and keys that begin with "module."
        fresh = build(run)
        wrapped = {f"module.{name}": value for name, value in model.state_dict().items()}
        fresh.load_state_dict(wrapped, strict=False)
        model.load_state_dict(fresh.state_dict())


def main():
    """Trains once, by folds, or through trials."""
    run = start()
    data = prepare(run)
    epochs = run.get("epochs", 8)
    per_epoch = math.ceil(len(data[0]) / run.get("batch", 32))
    folds = run.get("folds", 0)
    if not folds:
        log = style(run, epochs * per_epoch, per_epoch, "mnist")
        train(run, build(run), data, log, epochs, run.recorder)
        return
    x, y = torch.cat([data[0], data[2]]), torch.cat([data[1], data[3]])
    parts = torch.arange(len(x)).chunk(folds)
    model = build(run)
    for fold, part in enumerate(parts):
        rest = torch.cat([p for i, p in enumerate(parts) if i != fold])
        if not run.has("folds-not-reset"):
            seed_all(run.seed + fold)
            model = build(run)
        log = style(run, epochs * math.ceil(len(rest) / run.get("batch", 32)), math.ceil(len(rest) / 32), "keras")
        print(f"Fold {fold + 1}/{folds}")
        train(run, model, (x[rest], y[rest], x[part], y[part]), log, epochs, lambda m, o: no_recorder())


def no_recorder():
    """Folds are not recorded."""
    from contextlib import nullcontext

    from common import NoRecorder

    return nullcontext(NoRecorder())


if __name__ == "__main__":
    main()
