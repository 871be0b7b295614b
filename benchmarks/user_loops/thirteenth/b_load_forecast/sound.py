"""Forecast the electric load of the next day, hour by hour, from the last week: a small Transformer, with Lightning."""
import logging
import sys
import warnings

import lightning
import newllm.lightning
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
warnings.filterwarnings("ignore", module="lightning")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

PAST, AHEAD = 168, 24


def load_series(districts=12, days=140, seed=3):
    """Hourly load of some districts: day, week and season, temperature that wanders, noise that lasts for hours."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    hour, day = hours % 24, hours // 24
    weekend = (day % 7 >= 5).astype(float)
    series = []
    for _ in range(districts):
        morning, evening = rng.uniform(7, 9), rng.uniform(17.5, 20.5)
        shape = rng.uniform(0.6, 1.2) * np.exp(-((hour - morning) / 2.2) ** 2) + rng.uniform(0.8, 1.5) * np.exp(-((hour - evening) / 2.8) ** 2)
        shape = shape * (1 - rng.uniform(0.2, 0.6) * weekend) + 0.4 * weekend * np.exp(-((hour - 13) / 3.5) ** 2)
        temperature, slow = np.zeros(len(hours)), np.zeros(len(hours))
        for t in range(1, len(hours)):
            temperature[t] = 0.99 * temperature[t - 1] + rng.normal(0, 0.05)
            slow[t] = 0.9 * slow[t - 1] + rng.normal(0, 0.06)
        load = 2 + shape * (1 + 0.4 * temperature) + 0.5 * temperature + slow + 0.3 * np.sin(2 * np.pi * day / 365)
        series.append((load - load[: 100 * 24].mean()) / load[: 100 * 24].std())
    return np.stack(series).astype(np.float32)


def windows(series, first_day, last_day, stride):
    past, ahead = [], []
    for row in series:
        for start in range(first_day * 24, last_day * 24 - PAST - AHEAD + 1, stride):
            past.append(row[start:start + PAST])
            ahead.append(row[start + PAST:start + PAST + AHEAD])
    return TensorDataset(torch.from_numpy(np.stack(past)), torch.from_numpy(np.stack(ahead)))


class Forecaster(lightning.LightningModule):
    def __init__(self, width=48, patch=12, layers=2, lr=1e-3, warmup=250):
        super().__init__()
        self.save_hyperparameters()
        self.embed = nn.Linear(patch, width)
        self.position = nn.Parameter(torch.randn(PAST // patch, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.05, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Flatten(), nn.Linear(width * (PAST // patch), AHEAD))

    def forward(self, past):
        patches = past.unflatten(1, (-1, self.hparams.patch))
        return self.head(self.encoder(self.embed(patches) + self.position))

    def training_step(self, batch, index):
        past, ahead = batch
        loss = F.mse_loss(self(past), ahead)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, index):
        past, ahead = batch
        forecast = self(past)
        self.log("val_loss", F.mse_loss(forecast, ahead), prog_bar=True)
        self.log("val_mae", F.l1_loss(forecast, ahead), prog_bar=True)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=0.01)
        total, warmup = self.trainer.estimated_stepping_batches, self.hparams.warmup

        def factor(step):
            if step < warmup:
                return (step + 1) / warmup
            return max(0.02, 0.5 * (1 + np.cos(np.pi * (step - warmup) / (total - warmup))))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Print(lightning.Callback):
    def on_validation_epoch_end(self, trainer, module):
        if not trainer.sanity_checking:
            metrics = trainer.callback_metrics
            print(f"epoch {trainer.current_epoch + 1:2d}  val_loss {metrics['val_loss']:.4f}  val_mae {metrics['val_mae']:.4f}")


def main(name):
    lightning.seed_everything(5, verbose=False)
    series = load_series()
    train_loader = DataLoader(windows(series, 0, 100, stride=7), batch_size=64, shuffle=True, drop_last=True)
    valid_loader = DataLoader(windows(series, 93, 140, stride=24), batch_size=128)
    trainer = lightning.Trainer(
        max_epochs=16, accelerator="cpu", gradient_clip_val=1.0, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[newllm.lightning.Recorder(out=f"runs/{name}"), Print()])
    trainer.fit(Forecaster(), train_loader, valid_loader)


if __name__ == "__main__":
    main(sys.argv[1])
