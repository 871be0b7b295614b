"""Activity recognition from motion sensors with Lightning."""
import sys
import warnings

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm.lightning

warnings.filterwarnings("ignore")

CLASSES, CHANNELS, LENGTH = 8, 6, 96


def make_windows(count, subjects, seed):
    """Windows of 3 accelerometer channels (in units of 16 g) and 3 gyroscope channels (in units of 2000 deg/s)."""
    rng = np.random.default_rng(seed)
    shape = np.random.default_rng(7)
    frequency = shape.uniform(2.0, 4.0, CLASSES)
    amplitude = shape.uniform(0.4, 1.0, (CLASSES, CHANNELS, 3))
    phase = shape.uniform(0, 2 * np.pi, (CLASSES, CHANNELS, 3))
    gain = 1 + 0.2 * np.random.default_rng(11).standard_normal((40, CHANNELS))
    scale = np.array([0.06, 0.06, 0.08, 0.03, 0.03, 0.02])
    time = np.arange(LENGTH) / LENGTH
    labels = rng.integers(0, CLASSES, count)
    who = rng.choice(subjects, count)
    signals = np.empty((count, CHANNELS, LENGTH), dtype=np.float32)
    for n in range(count):
        k = labels[n]
        base = 2 * np.pi * (frequency[k] * rng.normal(1, 0.12) * time + rng.uniform())
        wave = sum(amplitude[k, :, h, None] * np.sin((h + 1) * base[None] + phase[k, :, h, None]) for h in range(3))
        wave = wave * rng.uniform(0.6, 1.4) + 2.2 * rng.standard_normal((CHANNELS, LENGTH))
        tilt = rng.normal(0, 0.25, 3)
        gravity = np.array([tilt[0], tilt[1], 1.0, 0, 0, 0]) / 16
        signals[n] = scale[:, None] * gain[who[n], :, None] * wave + gravity[:, None]
    return TensorDataset(torch.from_numpy(signals), torch.from_numpy(labels))


def block(inputs, outputs, stride):
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, 5, stride=stride, padding=2, bias=False),
        nn.BatchNorm1d(outputs),
        nn.ReLU(),
    )


class ActivityNet(lightning.LightningModule):
    def __init__(self, width=32, learning_rate=1e-3, steps=600):
        super().__init__()
        self.save_hyperparameters()
        self.features = nn.Sequential(
            block(CHANNELS, width, 1),
            block(width, width, 2),
            block(width, width, 1),
            block(width, 2 * width, 2),
            block(2 * width, 2 * width, 1),
            block(2 * width, 2 * width, 2),
        )
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(2 * width, CLASSES)

    def forward(self, x):
        return self.head(self.dropout(self.features(x).mean(dim=-1)))

    def training_step(self, batch, index):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, index):
        x, y = batch
        logits = self(x)
        self.log("val_loss", F.cross_entropy(logits, y), batch_size=len(y))
        self.log("val_accuracy", (logits.argmax(-1) == y).float().mean(), batch_size=len(y))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.learning_rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.hparams.learning_rate, total_steps=self.hparams.steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@torch.no_grad()
def report(model, loader, title):
    model.eval()
    right = seen = 0
    for x, y in loader:
        right += (model(x).argmax(-1) == y).sum().item()
        seen += len(y)
    print(f"{title}: accuracy {right / seen:.3f} of {seen} windows")
    model.train()
    return right / seen


def main(name):
    lightning.seed_everything(1)
    train = make_windows(1536, np.arange(0, 24), seed=1)
    valid = make_windows(600, np.arange(24, 32), seed=2)
    test = make_windows(800, np.arange(32, 40), seed=3)
    train_loader = DataLoader(train, batch_size=64, shuffle=True, drop_last=True)
    valid_loader = DataLoader(valid, batch_size=200)
    test_loader = DataLoader(test, batch_size=200)

    epochs = 20
    model = ActivityNet(steps=epochs * len(train_loader))
    report(model, test_loader, "test, before training")
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        callbacks=[newllm.lightning.Recorder(out=f"runs/{name}")],
    )
    trainer.fit(model, train_loader, valid_loader)
    print({key: round(value.item(), 4) for key, value in trainer.callback_metrics.items()})
    report(model, test_loader, "test, after training")


if __name__ == "__main__":
    main(sys.argv[1])
