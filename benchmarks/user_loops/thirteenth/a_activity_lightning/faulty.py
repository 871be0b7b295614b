"""Activities from windows of a wrist accelerometer, with Lightning."""
import sys

import lightning as L
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

import newllm.lightning

torch.set_num_threads(1)
L.seed_everything(11)

ACTIVITIES = ["walk", "run", "stairs up", "stairs down", "cycle", "sweep", "wash dishes", "rest"]
#            Hz    step  harmonic  tilt
PROFILE = [(1.80, 0.60, 0.30, 0.0),
           (2.60, 1.20, 0.45, 0.2),
           (1.60, 0.55, 0.55, 0.4),
           (1.75, 0.75, 0.60, -0.3),
           (1.30, 0.35, 0.10, 0.9),
           (0.90, 0.55, 0.30, 0.6),
           (1.10, 0.35, 0.50, 1.1),
           (0.25, 0.08, 0.00, 0.8)]
WINDOW = 96
RATE = 25.0


def windows(rng, people, per_person):
    """People differ in pace, strength and how they wear the watch."""
    xs, ys = [], []
    t = np.arange(WINDOW) / RATE
    for _ in range(people):
        pace, strength, worn = rng.normal(1, 0.05), rng.normal(1, 0.15), rng.normal(0, 0.15)
        for _ in range(per_person):
            label = rng.integers(len(ACTIVITIES))
            hertz, step, harmonic, tilt = PROFILE[label]
            phase = rng.uniform(0, 2 * np.pi)
            angle = tilt + worn + rng.normal(0, 0.15)
            cycle = 2 * np.pi * hertz * pace * rng.normal(1, 0.03) * t + phase
            swing = step * strength * (np.sin(cycle) + harmonic * np.sin(2 * cycle + 0.7 * label))
            sway = 0.4 * step * np.cos(cycle / 2 + phase)
            x = np.stack([np.cos(angle) + swing * np.cos(angle), np.sin(angle) + swing * np.sin(angle), sway])
            xs.append(x + rng.normal(0, 0.25, x.shape))
            ys.append(label)
    return torch.tensor(np.array(xs), dtype=torch.float32), torch.tensor(ys)


class ActivityData(L.LightningDataModule):
    def __init__(self, batch_size=64):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage=None):
        rng = np.random.default_rng(3)
        x, y = windows(rng, people=40, per_person=100)
        mean, std = x.mean(dim=(0, 2), keepdim=True), x.std(dim=(0, 2), keepdim=True)
        self.train_set = TensorDataset((x - mean) / std, y)
        x, y = windows(rng, people=12, per_person=80)
        self.val_set = TensorDataset((x - mean) / std, y)

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True, drop_last=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=256)


class ActivityModel(L.LightningModule):
    def __init__(self, dim=48, patch=8, layers=2, max_lr=3e-3, weight_decay=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.embed = nn.Conv1d(3, dim, patch, stride=patch // 2)
        places = (WINDOW - patch) // (patch // 2) + 1
        self.position = nn.Parameter(0.02 * torch.randn(1, places, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 2 * dim, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, len(ACTIVITIES))

    def forward(self, x):
        h = self.embed(x).transpose(1, 2) + self.position
        return self.head(self.norm(self.encoder(h)).mean(dim=1))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.log("val_loss", F.cross_entropy(logits, y), prog_bar=True)
        self.log("val_accuracy", (logits.argmax(dim=1) == y).float().mean(), prog_bar=True)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.max_lr, weight_decay=self.hparams.weight_decay)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.hparams.max_lr, total_steps=self.trainer.estimated_stepping_batches
        )
        return {"optimizer": optimizer, "lr_scheduler": scheduler}


class Report(L.Callback):
    def on_validation_epoch_end(self, trainer, module):
        if trainer.sanity_checking:
            return
        metrics = trainer.callback_metrics
        print(f"epoch {trainer.current_epoch + 1}: val loss {metrics['val_loss']:.3f}, val accuracy {metrics['val_accuracy']:.3f}")


def main():
    trainer = L.Trainer(
        max_epochs=12,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        callbacks=[Report(), newllm.lightning.Recorder(out="runs/" + sys.argv[1])],
    )
    trainer.fit(ActivityModel(), datamodule=ActivityData())


if __name__ == "__main__":
    main()
