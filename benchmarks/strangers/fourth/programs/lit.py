"""Trainings by Lightning: segmentation, detection, forecasts, a GAN by hand, rare events, averaged weights."""

import logging
import math
import warnings

import lightning
import torch
from common import Run, digits
from lightning.pytorch.callbacks import StochasticWeightAveraging
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import newllm.lightning

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
run = Run(task="segment", rate=3e-3, batch=32, epochs=6, clip=0.0, every=1, recipe="plain", csv=1)
o, has = run.o, run.has
chance = torch.Generator().manual_seed(21)


def scenes(count):
    """One small disk in a noisy field of 16x16: picture, mask, box, kind (bright or dark)."""
    c = torch.rand(count, 2, generator=chance) * 10 + 3
    r = torch.rand(count, generator=chance) * 1.2 + 1.5
    kind = torch.randint(2, (count,), generator=chance)
    grid = torch.stack(torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij"), -1)
    mask = (((grid[None] - c[:, None, None]) ** 2).sum(-1) < r[:, None, None] ** 2).float()
    picture = 0.5 * torch.randn(count, 16, 16, generator=chance) + mask * (2.0 * kind - 1)[:, None, None] * 2
    return picture[:, None], mask, torch.cat([c, r[:, None]], 1), kind


def series(count):
    t = torch.arange(60.0)
    phase, period = torch.rand(count, 1, generator=chance) * 6.28, torch.rand(count, 1, generator=chance) * 6 + 8
    level = torch.randn(count, 1, generator=chance)
    s = torch.sin(t * 6.28 / period + phase) + level + 0.02 * t * torch.randn(count, 1, generator=chance)
    return s + 0.15 * torch.randn(count, 60, generator=chance)


class Base(lightning.LightningModule):
    def say(self, stage, loss, **more):
        self.log_dict(
            {f"{stage}_loss": loss, **{f"{stage}_{k}": v for k, v in more.items()}},
            on_step=stage == "train",
            on_epoch=stage == "val",
        )

    def validation_step(self, batch, i):
        if has("validation-in-training-mode"):
            self.train()
        loss, more = self.parts(batch)
        self.say("val", loss, **more)

    def training_step(self, batch, i):
        loss, more = self.parts(batch)
        self.say("train", loss, **more)
        return loss

    def configure_optimizers(self):
        if o.recipe == "sgd":
            optimizer = torch.optim.SGD(self.parameters(), o.rate, momentum=0.9)
        else:
            mine = self.head.parameters() if has("only-the-head-in-the-optimizer") else self.parameters()
            optimizer = torch.optim.AdamW(mine, o.rate, weight_decay=0.01)
        if o.recipe == "plateau":
            plan = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=0.3, patience=0, mode="max" if has("plateau-looks-for-a-maximum") else "min"
            )
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plan, "monitor": "val_loss"}}
        if o.recipe == "one-cycle":
            plan = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, o.rate, total_steps=self.trainer.estimated_stepping_batches
            )
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plan, "interval": "step"}}
        if o.recipe == "steps":
            plan = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.3)
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": plan, "interval": "step" if has("epochs-taken-for-steps") else "epoch"},
            }
        return optimizer


class Segment(Base):
    def __init__(self):
        super().__init__()
        self.down, self.deep = (
            nn.Conv2d(1, 12, 3, 2, 1),
            nn.Sequential(nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU()),
        )
        self.up, self.skip, self.head = (
            nn.ConvTranspose2d(12, 12, 4, 2, 1),
            nn.Conv2d(1, 12, 3, padding=1),
            nn.Conv2d(12, 1, 3, padding=1),
        )

    def parts(self, batch):
        a, mask = batch[:2]
        out = self.head(F.relu(self.up(self.deep(self.down(a))) + self.skip(a)))[:, 0]
        if has("mask-upside-down") and self.training:
            mask = mask.flip(1)
        p = out.sigmoid()
        dice = 1 - (2 * (p * mask).sum((1, 2)) + 1) / (p.sum((1, 2)) + mask.sum((1, 2)) + 1)
        cross = F.binary_cross_entropy_with_logits(out, mask)
        if has("background-weighs-too-much"):
            return F.binary_cross_entropy_with_logits(out, mask, weight=torch.where(mask > 0, 0.01, 1.0)), {
                "dice": 1 - dice.mean()
            }
        return cross + dice.mean(), {"dice": 1 - dice.mean()}


class Detect(Base):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.GroupNorm(4, 32),
            nn.ReLU(),
        )
        self.where, self.kind, self.box = nn.Conv2d(32, 1, 1), nn.Linear(32, 2), nn.Linear(32 * 16, 3)

    def parts(self, batch):
        a, _, box, kind = batch
        h = self.body(a)
        cell = (box[:, :2] / 4).long().clamp(0, 3)
        cell = cell[:, 0] * 4 + cell[:, 1]
        there = F.cross_entropy(self.where(h).flatten(1), cell)
        at = h.flatten(2)[torch.arange(len(a)), :, cell]
        scale = 1.0 if has("boxes-in-pixels-squared") else 16.0
        out = self.box(h.flatten(1))
        size = ((out - box / scale) ** 2).mean() * (500 if scale == 1 else 20)
        sort = F.cross_entropy(self.kind(at), kind)
        right = (self.where(h).flatten(1).argmax(1) == cell).float().mean()
        return there + size + sort, {"cell": there, "box": size, "class": sort, "cell_accuracy": right}


class Forecast(Base):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.LSTM(1, 32, 1, batch_first=True), nn.Linear(32, 12)

    def parts(self, batch):
        (s,) = batch
        past, future = s[:, :48], s[:, 48:]
        if has("past-of-another-row") and self.training:
            past = past.roll(1, 0)
        base = past[:, -1:] if not has("level-not-taken-away") else 0
        h, _ = self.body((past - base)[..., None])
        out = self.head(h[:, -1]) + base
        return F.l1_loss(out, future), {"naive": F.l1_loss(past[:, -1:].expand(-1, 12), future)}


class Rare(Base):
    """Four of a hundred rows are events."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(10, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.3), nn.Linear(48, 32), nn.ReLU()
        )
        self.head = nn.Linear(32, 1)

    def parts(self, batch):
        a, b = batch
        out = self.head(self.body(a))[:, 0]
        loss = F.binary_cross_entropy_with_logits(out, b, pos_weight=torch.tensor(8.0))
        best, rest = out[b > 0], out[b == 0]
        auc = (best[:, None] > rest[None]).float().mean() if len(best) else torch.tensor(0.5)
        return loss, {"auc": auc}


class Adversaries(lightning.LightningModule):
    """A GAN on rings of points; two optimizers, stepped by hand."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.g = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))
        self.d = nn.Sequential(
            nn.Linear(2, 48), nn.LeakyReLU(0.2), nn.Linear(48, 48), nn.LeakyReLU(0.2), nn.Linear(48, 1)
        )

    def training_step(self, batch, i):
        (real,) = batch
        og, od = self.optimizers()
        fake = self.g(torch.randn(len(real), 4))
        r, f = self.d(real), self.d(fake if has("generator-helps-the-discriminator") else fake.detach())
        ld = F.softplus(-r).mean() + F.softplus(f).mean()
        if not has("gradients-of-both-mixed"):
            od.zero_grad()
        self.manual_backward(ld)
        od.step()
        if not has("gradients-of-both-mixed"):
            og.zero_grad()
        lg = F.softplus(-self.d(self.g(torch.randn(len(real), 4)))).mean()
        self.manual_backward(lg)
        og.step()
        self.log_dict({"loss_d": ld, "loss_g": lg})

    def validation_step(self, batch, i):
        (real,) = batch
        fake = self.g(torch.randn(len(real), 4, generator=torch.Generator().manual_seed(3)))
        got = 2 * torch.cdist(fake, real).mean() - torch.cdist(fake, fake).mean() - torch.cdist(real, real).mean()
        self.log("energy_distance", got)

    def configure_optimizers(self):
        return [
            torch.optim.Adam(self.g.parameters(), o.rate, (0.5, 0.9)),
            torch.optim.Adam(self.d.parameters(), 4 * o.rate, (0.5, 0.9)),
        ]


class Digits(Base):
    def __init__(self):
        super().__init__()
        self.body, self.head = (
            nn.Sequential(
                nn.Linear(64, 64), nn.LayerNorm(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 48), nn.ReLU()
            ),
            nn.Linear(48, 10),
        )

    def parts(self, batch):
        a, b = batch
        out = self.head(self.body(a))
        if has("features-detached"):
            out = self.head(self.body(a).detach())
        return F.cross_entropy(out, b), {"acc": (out.argmax(1) == b).float().mean()}


model = {
    "segment": Segment,
    "detect": Detect,
    "forecast": Forecast,
    "rare": Rare,
    "gan": Adversaries,
    "digits": Digits,
}[o.task]()
if o.task in ("segment", "detect"):
    rows = scenes(1600)
elif o.task == "forecast":
    rows = (series(1600),)
elif o.task == "rare":
    x = torch.randn(4000, 10, generator=chance)
    score = 1.5 * x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * torch.randn(4000, generator=chance)
    rows = (x, (score > score.quantile(0.96)).float())
elif o.task == "gan":
    angle = torch.rand(2600, generator=chance) * 2 * math.pi
    rows = (torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(2600, 2, generator=chance),)
else:
    x, y, vx, vy = digits()
    rows = (torch.cat([x, vx]), torch.cat([y, vy]))
cut = int(len(rows[0]) * 0.8)
train, held = TensorDataset(*[r[:cut] for r in rows]), TensorDataset(*[r[cut:] for r in rows])
loader = DataLoader(train, o.batch, shuffle=True, generator=torch.Generator().manual_seed(run.seed), drop_last=True)
if has("validation-drawn-from-the-training-data"):
    held = TensorDataset(*[r[: len(r) // 5] for r in rows])
calls = [newllm.lightning.Recorder(out=str(run.out / "recording"), **({"kind": o.kind} if o.kind else {}))]
if o.recipe == "averaged":
    calls.append(StochasticWeightAveraging(swa_lrs=o.rate / 2, swa_epoch_start=0.6))


class Lines(lightning.Callback):
    """What a user prints at the end of an epoch."""

    def on_train_epoch_end(self, trainer, module):
        values = {k: float(v) for k, v in trainer.callback_metrics.items()}
        print(
            f"epoch {trainer.current_epoch}: " + ", ".join(f"{k}={v:.4f}" for k, v in sorted(values.items())),
            flush=True,
        )


logger = CSVLogger(str(run.out), name="", version="csv") if o.csv else False
trainer = lightning.Trainer(
    max_epochs=o.epochs,
    accelerator="cpu",
    callbacks=calls if o.csv else [*calls, Lines()],
    logger=logger,
    log_every_n_steps=10,
    enable_progress_bar=False,
    enable_model_summary=False,
    enable_checkpointing=False,
    num_sanity_val_steps=0,
    accumulate_grad_batches=o.every,
    gradient_clip_val=1e-6 if has("clipped-to-almost-nothing") else (o.clip or None),
)
trainer.validate(model, DataLoader(held, 200), verbose=True)
trainer.fit(model, loader, DataLoader(held, 200))
if o.csv:
    (run.out / "csv" / "metrics.csv").rename(run.out / "metrics.csv")
