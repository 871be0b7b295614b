"""Lightning on digits and on waves. python lit.py --out DIR [--fault F] [--set k=v ...]"""

import logging
import warnings

import lightning
import torch
from common import Given, digits
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import newllm.lightning

given = Given()
what, rate, epochs, batch = given("what", "digits"), given("rate", 0.003), given("epochs", 10), given("batch", 32)


class Residual(nn.Module):
    def __init__(self, wide=48, blocks=4):
        super().__init__()
        self.first, self.last = nn.Linear(64, wide), nn.Linear(wide, 10)
        made = [
            nn.Sequential(nn.LayerNorm(wide), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, wide))
            for _ in range(blocks)
        ]
        self.blocks = made if given.has("layers-in-a-list") else nn.ModuleList(made)

    def forward(self, x):
        x = self.first(x.flatten(1))
        for block in self.blocks:
            x = block(x) if given("plain", 0) else x + block(x)
        return self.last(x)


class Digits(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Residual()

    def forward(self, x):
        return self.net(x)

    def training_step(self, parts, _):
        loss = F.cross_entropy(self(parts[0]), parts[1], label_smoothing=given("smooth", 0.0))
        self.log("train_loss", loss)
        return loss

    def validation_step(self, parts, _):
        logits = self(parts[0])
        self.log("val_loss", F.cross_entropy(logits, parts[1]))
        self.log("val_acc", (logits.argmax(-1) == parts[1]).float().mean())

    def configure_optimizers(self):
        if given("optimizer", "adam") == "sgd":
            optimizer = torch.optim.SGD(self.parameters(), rate, momentum=0.9)
        else:
            optimizer = torch.optim.AdamW(self.parameters(), rate)
        if not given("gamma", 0.0):
            return optimizer
        interval = "step" if given.has("schedule-of-epochs-by-steps") else "epoch"
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, given("gamma", 0.0))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": interval}}


class Waves(lightning.LightningModule):
    """Frequency and phase of a noisy wave, as a regression."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(1, 12, 7, stride=2), nn.GELU(), nn.Conv1d(12, 24, 5, stride=2), nn.GELU(), nn.Flatten(),
                                 nn.LazyLinear(48), nn.GELU(), nn.Linear(48, 3))  # fmt: skip
        self.net(torch.zeros(1, 1, 64))

    def training_step(self, parts, _):
        loss = F.mse_loss(self.net(parts[0]), parts[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, parts, _):
        self.log("val_loss", F.mse_loss(self.net(parts[0]), parts[1]))

    def configure_optimizers(self):
        return torch.optim.NAdam(self.parameters(), rate)


def waves(count):
    frequency, phase = 1 + 5 * torch.rand(count, 1), 6.28 * torch.rand(count, 1)
    x = torch.sin(frequency * torch.linspace(0, 6.28, 64) + phase) + 0.2 * torch.randn(count, 64)
    return TensorDataset(x[:, None], torch.cat([frequency / 3 - 1, phase.sin(), phase.cos()], 1))


def main():
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    lightning.seed_everything(given.seed, verbose=False)
    if what == "waves":
        model, train, validation = Waves(), waves(1500), waves(300)
    else:
        x, y, xv, yv = digits(given.seed)
        model, train, validation = Digits(), TensorDataset(x, y), TensorDataset(xv, yv)
    more = {}
    if given.has("overfit-batches-left-on"):
        more["overfit_batches"] = 4
    if given("swa", 0):
        more["callbacks"] = [lightning.pytorch.callbacks.StochasticWeightAveraging(rate, swa_epoch_start=0.6)]
    trainer = lightning.Trainer(
        max_epochs=epochs, max_steps=given("steps", -1), logger=CSVLogger(given.out, name="", version=""), log_every_n_steps=5,
        accelerator="cpu", enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
        accumulate_grad_batches=given("group", 1), gradient_clip_val=given("clip", 0.0) or None,
        precision=given("precision", "32-true"),
        check_val_every_n_epoch=given("judge", 1),
        callbacks=[newllm.lightning.Recorder(out=given.recording, **given.extra), *more.pop("callbacks", [])], **more,
    )  # fmt: skip
    trainer.fit(model, DataLoader(train, batch, shuffle=True), DataLoader(validation, 100))


if __name__ == "__main__":
    main()
