"""Lightning: classification, regression, fine-tuning, an autoencoder and a GAN; the logger is Lightning's CSVLogger.

With `style=csv` the log is its metrics.csv, with `style=print` what a callback prints, as many people have one.
"""

import copy
import logging
import shutil
import warnings

import lightning as pl
import torch
import torch.nn.functional as F
from common import digits, start
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, StochasticWeightAveraging
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Classifier(pl.LightningModule):
    """Digits, by a body and a head."""

    def __init__(self, run, length):
        super().__init__()
        self.run, self.length = run, length
        self.body = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.Flatten(),
            nn.Dropout(run.get("dropout", 0.1)),
        )  # fmt: skip
        self.head = nn.Linear(24 * 16, 10)
        self.seen, self.right = 0, 0
        if run.has("manual-without-clearing") or run.get("manual", 0):
            self.automatic_optimization = False

    def forward(self, x):
        return self.head(self.body(x))

    def training_step(self, batch, index):
        x, y = batch
        out = self(x)
        if self.run.has("softmax-twice"):
            out = out.softmax(-1)
        reduction = "sum" if self.run.has("loss-summed") else "mean"
        loss = F.cross_entropy(out, y, reduction=reduction, label_smoothing=self.run.get("smoothing", 0.0))
        if self.run.has("graph-cut"):  # loss made anew from a number, so that the logger could show it
            loss = torch.tensor(loss.item(), requires_grad=True)
        self.log("train_loss", loss, prog_bar=True)
        self.log("train_acc", (out.argmax(-1) == y).float().mean())
        if not self.automatic_optimization:
            optimizer = self.optimizers()
            if not self.run.has("manual-without-clearing"):
                optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
        return loss

    def validation_step(self, batch, index):
        x, y = batch
        out = self(x)
        if self.run.has("softmax-twice"):
            out = out.softmax(-1)
        self.log("val_loss", F.cross_entropy(out, y), prog_bar=True)
        right = (out.argmax(-1) == y).sum().item()
        self.right, self.seen = self.right + right, self.seen + len(y)
        self.log("val_acc", right / len(y), prog_bar=True)

    def configure_optimizers(self):
        run = self.run
        rate = run.get("lr", 0.05) * (40 if run.has("rate-too-high") else 1)
        weights = self.parameters()
        if run.has("optimizer-without-the-body"):
            weights = self.head.parameters()
        if run.get("opt", "sgd") == "adam":
            optimizer = torch.optim.AdamW(weights, lr=rate)
        else:
            optimizer = torch.optim.SGD(weights, lr=rate, momentum=0.9, weight_decay=run.get("wd", 0.0))
        name = run.get("schedule", "none")
        if name == "warmup":  # meant for steps; Lightning steps by epoch unless it is told
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 100))
            each = "epoch" if run.has("warmup-stepped-by-epoch") else "step"
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": each}}
        if name == "onecycle":
            parts, epochs = run.get("accumulate", 1), run.get("epochs", 8)
            updates = epochs * -(-self.length // epochs // parts)
            if run.has("cycle-counts-micro-batches"):
                updates = self.length
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=updates)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
        if name == "cosine":
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.length)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
        return optimizer


class Regressor(pl.LightningModule):
    """A number from ten."""

    def __init__(self, run, length):
        super().__init__()
        self.run = run
        self.net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def loss(self, batch):
        """Squared error."""
        x, y = batch
        out = self.net(x)
        return F.mse_loss(out, y if self.run.has("shapes-broadcast") else y.unsqueeze(1))

    def training_step(self, batch, index):
        loss = self.loss(batch)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, index):
        x, y = batch
        self.log("val/loss", self.loss(batch))
        self.log("val/mae", (self.net(x).squeeze(1) - y).abs().mean())

    def configure_optimizers(self):
        rate = self.run.get("lr", 2e-3)
        return torch.optim.Adam(self.parameters(), lr=rate)


class Autoencoder(pl.LightningModule):
    """Digits through eight numbers."""

    def __init__(self, run, length):
        super().__init__()
        self.run = run
        last = nn.ReLU() if run.has("output-cannot-be-negative") else nn.Identity()
        if run.has("output-cannot-reach"):  # tanh for values up to 16
            last = nn.Tanh()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8), nn.Linear(8, 64), nn.ReLU(),
            nn.Linear(64, 64), last,
        )  # fmt: skip

    def loss(self, batch):
        """Squared error of the reconstruction."""
        x = batch[0]
        return F.mse_loss(self.net(x), x.flatten(1))

    def training_step(self, batch, index):
        loss = self.loss(batch)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.run.get("lr", 2e-3))


class Adversaries(pl.LightningModule):
    """A GAN of digits, by manual optimisation."""

    def __init__(self, run, length):
        super().__init__()
        self.run, self.automatic_optimization = run, False
        self.generator = nn.Sequential(nn.Linear(16, 96), nn.ReLU(), nn.Linear(96, 64), nn.Tanh())
        self.critic = nn.Sequential(nn.Linear(64, 96), nn.LeakyReLU(0.2), nn.Linear(96, 1))

    def training_step(self, batch, index):
        real = batch[0].flatten(1) / 8 - 1
        if self.run.has("real-scaled-otherwise"):
            real = (real + 1) * 8
        g_opt, d_opt = self.optimizers()
        fake = self.generator(torch.randn(len(real), 16))
        one, nil = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        g_loss = F.binary_cross_entropy_with_logits(self.critic(fake), one)
        g_opt.zero_grad()
        self.manual_backward(g_loss)
        if not self.run.has("generator-not-stepped"):
            g_opt.step()
        d_loss = F.binary_cross_entropy_with_logits(self.critic(real), one)
        d_loss = (d_loss + F.binary_cross_entropy_with_logits(self.critic(fake.detach()), nil)) / 2
        d_opt.zero_grad()
        self.manual_backward(d_loss)
        d_opt.step()
        self.log("g_loss", g_loss, prog_bar=True)
        self.log("d_loss", d_loss, prog_bar=True)

    def configure_optimizers(self):
        return [torch.optim.Adam(m.parameters(), lr=1e-3, betas=(0.5, 0.999)) for m in (self.generator, self.critic)]


class Averages(Callback):
    """Averaged weights for validation: put in before, taken out after."""

    def __init__(self, run):
        self.run, self.mean, self.own = run, None, None

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        now = module.state_dict()
        if self.mean is None:
            self.mean = copy.deepcopy(now)
        for name, value in now.items():
            if value.dtype.is_floating_point:
                self.mean[name].lerp_(value, 0.02)

    def on_validation_start(self, trainer, module):
        if self.mean is not None and not trainer.sanity_checking:
            self.own = copy.deepcopy(module.state_dict())
            module.load_state_dict(self.mean)

    def on_validation_end(self, trainer, module):
        if self.own is not None and not self.run.has("averages-left-in"):
            module.load_state_dict(self.own)
        self.own = None


class Printed(Callback):
    """A line of print every few steps and after validation."""

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        if trainer.global_step % 10 == 0:
            n = {k: float(v) for k, v in trainer.callback_metrics.items() if not k.startswith("val")}
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            print(f"[epoch {trainer.current_epoch:02d} step {trainer.global_step:05d}] "
                  + " ".join(f"{k}={v:.4f}" for k, v in n.items()) + f" lr={rate:.3e}", flush=True)  # fmt: skip

    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            n = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val")}
            print(f"[epoch {trainer.current_epoch:02d}] " + " ".join(f"{k}={v:.4f}" for k, v in n.items()), flush=True)


class Recording(Callback):
    """newllm.record from a callback."""

    def __init__(self, run):
        self.run, self.recorder = run, None

    def on_train_start(self, trainer, module):
        self.context = self.run.recorder(module, trainer.optimizers[0])
        self.recorder = self.context.__enter__()
        self.stepped = 0

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        if trainer.global_step > self.stepped:
            self.stepped = trainer.global_step
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            if loss is None:
                loss = trainer.callback_metrics.get("g_loss", trainer.callback_metrics.get("train_loss"))
            self.recorder.step(loss)

    def on_validation_end(self, trainer, module):
        for name in ("val_loss", "val/loss"):
            if self.recorder is not None and name in trainer.callback_metrics:
                self.recorder.validation(float(trainer.callback_metrics[name]))

    def on_train_end(self, trainer, module):
        self.context.__exit__(None, None, None)
        self.recorder = None


def data(run):
    """Loaders of training and validation."""
    task, batch = run.get("task", "classifier"), run.get("batch", 32)
    if task == "regressor":
        from sklearn.datasets import make_friedman1

        x, y = make_friedman1(1600, n_features=10, noise=1.0, random_state=run.seed % 1000)
        x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
        y = (y - y[:1200].mean()) / y[:1200].std()
        vx, vy, x, y = x[1200:], y[1200:], x[:1200], y[:1200]
        if run.has("validation-from-elsewhere"):  # a sensor in another unit
            vx = vx * torch.tensor([1.0, 1, 1, 10, 1, 1, 1, 1, 1, 1])
    else:
        x, y, vx, vy = digits()
        if task == "classifier":
            x, vx = (x - 4.9) / 6, (vx if run.has("validation-not-normalized") else (vx - 4.9) / 6)
        if run.has("not-a-number-in-data"):
            x[900, 0, 2, 2] = float("inf")
        if run.has("sorted-by-class"):
            order = torch.argsort(y, stable=True)
            x, y = x[order], y[order]
        if run.has("validation-labels-shifted"):
            vy = (vy + 3) % 10
        if run.has("images-shuffled-alone"):
            x = x[torch.randperm(len(x))]
        few = run.get("few", 0)
        if few:
            x, y = x[:few], y[:few]
    shuffle = not run.has("sorted-by-class")
    return (
        DataLoader(TensorDataset(x, y), batch, shuffle=shuffle, drop_last=len(x) > batch),
        DataLoader(TensorDataset(vx, vy), 100),
    )


def main():
    """Fits."""
    run = start()
    training, validation = data(run)
    epochs = run.get("epochs", 8)
    kinds = {"classifier": Classifier, "regressor": Regressor, "autoencoder": Autoencoder, "gan": Adversaries}
    module = kinds[run.get("task", "classifier")](run, epochs * len(training))
    if run.has("backbone-left-in-evaluation"):
        module.body.eval()
    callbacks = [Averages(run)] if run.get("averages", 0) else []
    if run.get("swa", 0):
        callbacks.append(StochasticWeightAveraging(3.0 if run.has("swa-rate-too-high") else 0.01, 0.6, 1))
    logger = CSVLogger(run.out, name="csv", version=0, flush_logs_every_n_steps=50)
    if run.get("style", "csv") == "print":
        callbacks.append(Printed())
    elif run.get("show_lr", 1):
        callbacks.append(LearningRateMonitor("step"))
    if run.record:
        callbacks.append(Recording(run))
    clip = 1e-4 if run.has("clip-too-tight") else run.get("clip", 0.0)
    trainer = pl.Trainer(
        max_epochs=epochs, logger=logger, callbacks=callbacks, accelerator="cpu",
        log_every_n_steps=run.get("every", 10),
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
        gradient_clip_val=clip or None, accumulate_grad_batches=run.get("accumulate", 1),
        precision="bf16-true" if run.has("weights-in-bfloat16") else "32-true", default_root_dir=run.out,
    )  # fmt: skip
    trainer.fit(module, training, validation)
    if run.get("style", "csv") == "csv":
        shutil.copy(run.out / "csv" / "version_0" / "metrics.csv", run.out / "metrics.csv")
    shutil.rmtree(run.out / "csv", ignore_errors=True)


if __name__ == "__main__":
    main()
