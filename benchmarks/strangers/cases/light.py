"""Tasks as Lightning modules; kept is the metrics.csv of its CSVLogger."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from benchmarks.strangers.cases.data import Batch, digits, windows
from benchmarks.strangers.cases.generative import VAE, vae_loss
from benchmarks.strangers.cases.hooks import At, Hook, Hooks
from benchmarks.strangers.cases.language import corpus
from benchmarks.strangers.cases.models import CharRNN, cnn, mlp
from benchmarks.strangers.cases.registry import Out
from benchmarks.strangers.cases.vision import augmented
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
Loss = Callable[[nn.Module, Batch], dict[str, Tensor]]


class Module(lightning.LightningModule):
    """A module as tutorials write it; `given` holds what a run does otherwise."""

    def __init__(self, model: nn.Module, loss: Loss, hooks: Hooks, given: dict[str, Any]):
        super().__init__()
        self.model, self.loss, self.hooks, self.given = model, loss, hooks, given
        self.chosen = hooks.chosen(model)

    def training_step(self, batch: Batch, place: int) -> Tensor:
        """Compute and log the loss of a batch."""
        step = self.global_step
        self.hooks.call("begin", self._at(step))
        found = self.loss(self.model, self.hooks.batch(step, tuple(batch)))
        self.log_dict({f"train_{name}": value for name, value in found.items()})
        return self.hooks.loss(step, found["loss"])

    def validation_step(self, batch: Batch, place: int) -> None:
        """Compute and log the loss of a batch that is not trained on."""
        if self.given.get("stays_in_training"):
            self.model.train()
        change = self.given.get("changes_validation")
        found = self.loss(self.model, change(tuple(batch)) if change else tuple(batch))
        self.log_dict({f"val_{name}": value for name, value in found.items()})

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Log the norm of the gradient, before any clipping."""
        self.hooks.call("gradients", self._at(self.global_step))
        norms = [parameter.grad.norm() for parameter in self.model.parameters() if parameter.grad is not None]
        self.log("grad_norm", torch.stack(norms).norm() if norms else torch.zeros(()))

    def on_train_batch_end(self, outputs: Any, batch: Any, place: int) -> None:
        """Log the rate."""
        optimizer = self.optimizers().optimizer  # pyrefly: ignore
        self.log("lr", optimizer.param_groups[0]["lr"])
        self.hooks.call("end", self._at(self.global_step - 1))

    def optimizer_zero_grad(self, epoch: int, place: int, optimizer: torch.optim.Optimizer) -> None:
        """Clear gradients."""
        self.hooks.clear(self.model)

    def configure_optimizers(self) -> Any:
        """Make the optimizer, and a schedule if there is one."""
        rate, decay = self.given.get("rate", 3e-3), self.given.get("weight_decay", 0.01)
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(self.chosen, rate, weight_decay=decay)
        if self.given.get("optimizer") == "sgd":
            optimizer = torch.optim.SGD(self.chosen, rate, momentum=0.9, weight_decay=decay)
        make = self.given.get("schedule")
        if make is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": make(optimizer),
                "interval": self.given.get("interval", "step")}}  # fmt: skip

    def _at(self, step: int) -> At:
        return At(step, self.model, self.optimizers().optimizer)  # pyrefly: ignore


def _classifier(given: dict[str, Any], seed: int) -> tuple[nn.Module, Loss, Batch, Batch]:
    (images, labels), held_out = digits()
    if given.get("in_order"):
        order = torch.argsort(labels, stable=True)
        images, labels = images[order], labels[order]
    if given.get("corrupted"):
        images, labels = images.clone(), labels.clone()
        images[17] *= given["corrupted"]
        labels[17] = (labels[17] + 5) % 10
    images, labels = images[: given.get("rows", 1400)], labels[: given.get("rows", 1400)]
    model: nn.Module = cnn(given.get("norm", True), given.get("dropout", 0.0), 8, softmax=given.get("softmax", False))
    if given.get("network") == "mlp":
        model = nn.Sequential(nn.Flatten(), *mlp(64, 64, 64, 64, 10, dropout=given.get("dropout", 0.0)))
    how = "sum" if given.get("sums") else "mean"

    def loss(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        x = augmented(batch[0]) if given.get("augments") and net.training else batch[0]
        logits = net(x)
        return {"loss": F.cross_entropy(logits, batch[1], reduction=how),
                "acc": (logits.argmax(1) == batch[1]).float().mean()}  # fmt: skip

    return model, loss, (images, labels), held_out


def _language(given: dict[str, Any], seed: int) -> tuple[nn.Module, Loss, Batch, Batch]:
    ids, held_out, alphabet = corpus(120_000)
    held_out = (held_out + 17) % len(alphabet) if given.get("other_tokenizer") else held_out
    model = CharRNN(len(alphabet), given.get("network", "LSTM"))

    def loss(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        x, y = (batch[0], batch[0]) if given.get("unshifted") else batch
        return {"loss": F.cross_entropy(net(x).flatten(0, 1), y.flatten())}

    length = given.get("length", 32)
    return model, loss, windows(ids, length, 1200, seed)(0), windows(held_out, length, 64, seed)(0)


def _vae(given: dict[str, Any], seed: int) -> tuple[nn.Module, Loss, Batch, Batch]:
    (images, labels), held_out = digits()
    weight = given.get("weight", lambda step: 1.0)
    steps = iter(range(10**9))

    def loss(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        rebuilt, divergence = vae_loss(net(batch[0].flatten(1)), batch[0].flatten(1))
        share = weight(next(steps)) if net.training else 1.0
        return {"loss": rebuilt + share * divergence, "recon": rebuilt, "kl": divergence}

    return VAE(), loss, (images, labels), held_out


_TASKS = {"classifier": _classifier, "language": _language, "vae": _vae}


class _Averages(Callback):
    """Averaged weights are put in for validation; `moves` is whether they follow the training."""

    def __init__(self, moves: bool):
        self.moves, self.mean, self.kept = moves, {}, {}

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self.mean = {name: value.clone() for name, value in module.model.state_dict().items()}

    def on_train_batch_end(self, trainer: Any, module: Any, *given: Any) -> None:
        for name, value in module.model.state_dict().items():
            if self.moves:
                self.mean[name] = torch.lerp(self.mean[name], value, 0.05) if value.is_floating_point() else value

    def on_validation_start(self, trainer: Any, module: Any) -> None:
        if self.mean:
            self.kept = {name: value.clone() for name, value in module.model.state_dict().items()}
            module.model.load_state_dict(self.mean)

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        if self.mean:
            module.model.load_state_dict(self.kept)


def light(
    out: Out,
    *,
    task: str = "classifier",
    hooks: tuple[Hook, ...] = (),
    steps: int = 264,
    batch: int = 32,
    shuffles: bool = True,
    averages: bool | None = None,
    patience: int | None = None,
    trainer: dict[str, Any] | None = None,
    **given: Any,
) -> None:
    """Train one.

    Switches:
        averages: whether averaged weights that are evaluated move; None evaluates the weights themselves.
        patience: of early stopping.
        trainer: arguments of Lightning's Trainer.
    """
    model, loss, train, check = _TASKS[task](given, out.seed)
    module = Module(model, loss, Hooks(hooks), given)
    callbacks: list[Callback] = [] if averages is None else [_Averages(averages)]
    callbacks += [] if patience is None else [EarlyStopping("val_loss", patience=patience)]
    chance = torch.Generator().manual_seed(out.seed)
    with tempfile.TemporaryDirectory() as folder:
        logger = CSVLogger(folder, name="run", version="0")
        settings = {
            "max_steps": out.steps(steps),
            "log_every_n_steps": 4,
            "gradient_clip_val": 1.0,
            "accelerator": "cpu",
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            **(trainer or {}),
        }
        fitted = lightning.Trainer(logger=logger, callbacks=callbacks, **settings)
        loader = DataLoader(TensorDataset(*train), batch, shuffle=shuffles, drop_last=True, generator=chance)
        fitted.fit(module, loader, DataLoader(TensorDataset(*check), 400))
        shutil.copy(Path(folder) / "run" / "0" / "metrics.csv", out.folder / "metrics.csv")
