"""Lightning: digits by a backbone that is unfrozen later, an autoencoder, two tasks by hand."""

import logging
import warnings

import lightning as L
import torch
from common import digits, start
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.nn import functional as F

import newllm.lightning

o = start(what="digits", epochs=8, size=32, rate=1e-3, unfreeze=0, dropout=0.0, cycle=0, group=1, noise=0.3)
warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
x, y, vx, vy = digits(o.seed)
x, vx = (x / 16, vx / 16) if o.what == "denoise" else ((x - 4.9) / 6, (vx - 4.9) / 6)


class Digits(L.LightningModule):
    """A classifier."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(), nn.Dropout(o.dropout), nn.Linear(128, 128), nn.ReLU(), nn.Dropout(o.dropout)
        )
        self.head = nn.Linear(128, 10)
        if o.unfreeze:
            self.body.requires_grad_(False)

    def forward(self, x):
        """Logits."""
        return self.head(self.body(x))

    def training_step(self, batch, _):
        """Cross-entropy."""
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        """Cross-entropy and accuracy."""
        out = self(batch[0])
        guess = out.argmax(0)[: len(out)] if o.fault == "argmax-over-the-batch" else out.argmax(1)
        self.log("val_loss", F.cross_entropy(out, batch[1]))
        self.log("val_acc", (guess == batch[1][: len(guess)]).float().mean())

    def on_train_epoch_start(self):
        """Unfreezes, where that is wanted."""
        if o.unfreeze and self.current_epoch == o.unfreeze:
            self.body.requires_grad_(True)

    def configure_optimizers(self):
        """AdamW, with one cycle where that is wanted."""
        rows = self.parameters()
        if o.fault == "unfrozen-not-in-optimizer":
            rows = [p for p in rows if p.requires_grad]
        optimizer = torch.optim.AdamW(rows, lr=o.rate)
        if o.cycle:
            steps = self.trainer.estimated_stepping_batches
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5 * o.rate, total_steps=steps)
            return [optimizer], [{"scheduler": schedule, "interval": "step"}]
        return optimizer


class Denoise(L.LightningModule):
    """An autoencoder that takes noise away."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 24), nn.ReLU(), nn.Linear(24, 64))

    def training_step(self, batch, _):
        """Squared error."""
        loss = F.mse_loss(self.net(batch[0] + o.noise * torch.randn_like(batch[0])), batch[0])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        """The same."""
        self.log("val_loss", F.mse_loss(self.net(batch[0] + o.noise * torch.randn_like(batch[0])), batch[0]))

    def configure_optimizers(self):
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=o.rate)


class Two(L.LightningModule):
    """Which digit, and how much ink: two losses, optimized by hand."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.body, self.digit, self.ink = (
            nn.Sequential(nn.Linear(64, 96), nn.ReLU()),
            nn.Linear(96, 10),
            nn.Linear(96, 1),
        )

    def loss_of(self, batch):
        """Their sum."""
        h = self.body(batch[0])
        ink = F.mse_loss(self.ink(h)[:, 0], batch[0].mean(1) * 5)
        return F.cross_entropy(self.digit(h), batch[1]) + ink

    def training_step(self, batch, _):
        """By hand."""
        optimizer = self.optimizers()
        loss = self.loss_of(batch)
        if o.fault != "gradients-never-cleared":
            optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        self.log("train_loss", loss)

    def validation_step(self, batch, _):
        """Their sum, and accuracy."""
        right = self.digit(self.body(batch[0])).argmax(1) == batch[1]
        self.log_dict({"val_loss": self.loss_of(batch), "val_acc": right.float().mean()})

    def configure_optimizers(self):
        """SGD."""
        return torch.optim.SGD(self.parameters(), lr=o.rate, momentum=0.9)


def loader(*tensors, size, shuffle):
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=size, shuffle=shuffle)


module = {"digits": Digits, "denoise": Denoise, "two": Two}[o.what]()
logger = CSVLogger(str(o.out / "logs"), name="", version="")
trainer = L.Trainer(
    max_epochs=o.epochs, logger=logger, accelerator="cpu", enable_progress_bar=False, enable_checkpointing=False,
    enable_model_summary=False, log_every_n_steps=10, accumulate_grad_batches=o.group,
    callbacks=[newllm.lightning.Recorder(o.out / "recording")],
)  # fmt: skip
trainer.fit(module, loader(x, y, size=o.size, shuffle=True), loader(vx, vy, size=150, shuffle=False))
(o.out / "logs" / "metrics.csv").rename(o.out / "metrics.csv")
