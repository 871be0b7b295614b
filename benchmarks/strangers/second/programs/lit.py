"""Lightning with its CSV logger: a classifier of made-up points, and a small regression."""

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from .common import Options, quiet


class Module(lightning.LightningModule):
    """A network with batch-norm; what is logged is what tutorials log."""

    def __init__(self, o: Options) -> None:
        super().__init__()
        self.o = o
        self.net = nn.Sequential(
            nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(o.get("dropout", 0.1)), nn.Linear(64, 64),
            nn.ReLU(), nn.Linear(64, 8),
        )  # fmt: skip
        if o.fault == "initialisation far too large":
            for p in self.net.parameters():
                p.data *= 25
        self.shadow = nn.Linear(1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        x, y = batch
        o = self.o
        if o.fault == "gradient cut off":
            with torch.no_grad():
                out = self.net(x)
            loss = F.cross_entropy(out, y) + 0 * self.shadow.weight.sum()
        else:
            out = self.net(x)
            loss = F.cross_entropy(out, y, reduction=o.if_fault("loss summed, not averaged", "sum", "mean"))
        self.log("train_loss", loss, on_step=o.get("on_step", True), on_epoch=not o.get("on_step", True))
        if o.get("accuracy", True):
            self.log("train_acc", (out.argmax(1) == y).float().mean(), on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, index: int) -> None:
        if self.o.fault == "evaluation forgets its mode":
            self.net.train()
        x, y = batch
        out = self.net(x)
        self.log("val_loss", F.cross_entropy(out, y))
        self.log("val_acc", (out.argmax(1) == y).float().mean())

    def configure_optimizers(self) -> Any:
        o = self.o
        rate = o.get("lr", 3e-3) * o.if_fault("rate too high", 300, 1)
        parameters = self.shadow.parameters() if o.fault == "optimizer of another model" else self.parameters()
        optimizer = (
            torch.optim.SGD(parameters, lr=rate, momentum=0.9)
            if o.get("sgd", False)
            else torch.optim.AdamW(parameters, lr=rate)
        )
        steps = o.get("epochs", 15) * o.get("count", 1600) // 32
        kind = o.get("schedule", "cosine")
        if kind == "none":
            return optimizer
        if kind == "warm-up":
            schedule: Any = torch.optim.lr_scheduler.LinearLR(optimizer, 0.001, 1.0, total_iters=200)
            interval = o.if_fault("schedule stepped too rarely", "epoch", "step")
        elif kind == "exponential":
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.85)
            interval = o.if_fault("schedule stepped too often", "step", "epoch")
        else:
            schedule, interval = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps), "step"
            if o.fault == "cosine shorter than the run":
                schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps // 6)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": interval}}


def _points(count: int, centres: torch.Tensor, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    y = torch.randint(0, len(centres), (count,))
    return centres[y] * torch.randn(count, 1).sign() + noise * torch.randn(count, 20), y % 8


def train(o: Options) -> None:
    quiet()
    warnings.simplefilter("ignore")
    centres = torch.randn(24, 20)
    x, y = _points(o.get("count", 1600), centres, o.get("noise", 0.7))
    vx, vy = _points(480, centres, o.get("noise", 0.7))
    if o.fault == "validation not normalised":
        vx = 6 * vx + 3
    if o.fault == "labels of validation sorted otherwise":
        vy = (vy * 3 + 1) % 8
    module = Module(o)
    temporary = tempfile.mkdtemp()
    logger = CSVLogger(temporary, name="a", version="b", flush_logs_every_n_steps=1000)
    callbacks = [LearningRateMonitor("step")] if o.get("rates", False) else []
    trainer = lightning.Trainer(
        max_epochs=o.get("epochs", 15),
        logger=logger,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        enable_checkpointing=False,
        log_every_n_steps=o.get("every", 5),
        callbacks=callbacks,
        num_sanity_val_steps=0,
        overfit_batches=o.if_fault("debugging switch left on", 1, 0),
        check_val_every_n_epoch=o.get("every_eval", 1),
    )
    trainer.fit(
        module, DataLoader(TensorDataset(x, y), 32, shuffle=True), DataLoader(TensorDataset(vx, vy), 96),
    )  # fmt: skip
    o.log.file.close()
    shutil.copy(Path(temporary) / "a" / "b" / "metrics.csv", o.path)
    shutil.rmtree(temporary)
