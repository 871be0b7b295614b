"""Ten classes of noisy textures, 20 x 20, with a small convolutional network in Lightning."""

import sys

import lightning
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import newllm.lightning

torch.set_num_threads(1)
lightning.seed_everything(21)

SIZE, CLASSES = 20, 10


def textures(n, seed):
    """Two gratings each; a class is a pair of directions and of widths."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (n,), generator=g)
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    x = torch.zeros(n, 1, SIZE, SIZE)
    for k, (angle, width) in enumerate([(y * 0.31416, 0.9 + 0.12 * (y % 3)), (y * 0.31416 * 3 + 0.4, 1.5 - 0.1 * (y % 4))]):
        angle = angle + 0.08 * torch.randn(n, generator=g)
        phase = 6.2832 * torch.rand(n, generator=g)
        along = rows[None] * angle.cos()[:, None, None] + columns[None] * angle.sin()[:, None, None]
        x[:, 0] += (1.0, 0.6)[k] * torch.sin(along * width[:, None, None] + phase[:, None, None])
    return x + 1.9 * torch.randn(x.shape, generator=g), y


class Net(lightning.LightningModule):
    def __init__(self, lr=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(32, CLASSES))

    def training_step(self, batch, _):
        x, y = batch
        loss = cross_entropy(self.net(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        x, y = batch
        out = self.net(x)
        self.log("val_loss", cross_entropy(out, y))
        self.log("val_acc", (out.argmax(1) == y).float().mean(), prog_bar=True)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9, weight_decay=1e-4)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.3, patience=2)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "val_acc"}}


train = DataLoader(TensorDataset(*textures(2560, 1)), batch_size=64, shuffle=True)
held_out = DataLoader(TensorDataset(*textures(1000, 2)), batch_size=250)

trainer = lightning.Trainer(
    max_epochs=16, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    callbacks=[newllm.lightning.Recorder(out="runs/" + sys.argv[1])])
model = Net()
trainer.fit(model, train, held_out)
print("final", {k: round(float(v), 4) for k, v in trainer.callback_metrics.items()}, "lr", trainer.optimizers[0].param_groups[0]["lr"])
