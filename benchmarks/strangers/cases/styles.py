"""How people print a training: a style writes lines for a training step and for an evaluation.

`train` is given step, epoch, batch, batches, loss, lr, norm, seconds, rate (samples or tokens a second); `evaluation`
is given step, epoch, epochs, train (mean loss since the last one) and the values that the evaluation returned.
"""

import csv
import json
import time
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

Values = Mapping[str, Any]


class Style:
    """Writes one file.

    Attributes:
        file_name: its name.
    """

    file_name = "train.log"

    def open(self, folder: Path) -> None:
        """Start, or go on with, the log in a folder."""
        self.path = folder / self.file_name
        self.file: TextIOWrapper = self.path.open("a", encoding="utf-8")

    def line(self, text: str) -> None:
        """Write a line."""
        print(text, file=self.file)

    def train(self, at: Values) -> None:
        """Write a training step."""

    def evaluation(self, at: Values, found: Values) -> None:
        """Write an evaluation."""

    def close(self) -> None:
        """End the log."""
        self.file.close()


class NanoGPT(Style):
    """Lines of nanoGPT's train.py."""

    def train(self, at: Values) -> None:
        """Write `iter 10: loss ...`."""
        self.line(f"iter {at['step']}: loss {at['loss']:.4f}, time {1000 * at['seconds']:.2f}ms, mfu -100.00%")

    def evaluation(self, at: Values, found: Values) -> None:
        """Write `step 100: train loss ..., val loss ...`."""
        self.line(f"step {at['step']}: train loss {at['train']:.4f}, val loss {found['val_loss']:.4f}")


class BuildNanoGPT(Style):
    """Lines of the video that builds GPT-2."""

    def train(self, at: Values) -> None:
        """Write `step    10 | loss: ...`."""
        self.line(
            f"step {at['step']:5d} | loss: {at['loss']:.6f} | lr {at['lr']:.4e} | norm: {at['norm']:.4f} | "
            f"dt: {1000 * at['seconds']:.2f}ms | tok/sec: {at['rate']:.2f}"
        )

    def evaluation(self, at: Values, found: Values) -> None:
        """Write `validation loss: ...`."""
        self.line(f"step {at['step']:5d} | validation loss: {found['val_loss']:.4f}")


class Tutorial(Style):
    """`Epoch [1/10], Step [20/100], Loss: ...` and a line for each epoch."""

    def train(self, at: Values) -> None:
        """Write a step of an epoch."""
        self.line(
            f"Epoch [{at['epoch'] + 1}/{at['epochs']}], Step [{at['batch'] + 1}/{at['batches']}], "
            f"Loss: {at['loss']:.4f}"
        )

    def evaluation(self, at: Values, found: Values) -> None:
        """Write the means of an epoch."""
        shown = ", ".join(f"{name.replace('_', ' ').capitalize()}: {value:.4f}" for name, value in found.items())
        self.line(f"Epoch [{at['epoch'] + 1}/{at['epochs']}], Train loss: {at['train']:.4f}, {shown}")


class MnistExample(Style):
    """Lines of PyTorch's MNIST example."""

    def train(self, at: Values) -> None:
        """Write `Train Epoch: ...`."""
        done, share = at["batch"] * at["size"], 100 * at["batch"] / at["batches"]
        self.line(f"Train Epoch: {at['epoch'] + 1} [{done}/{at['batches'] * at['size']} ({share:.0f}%)]\t"
                  f"Loss: {at['loss']:.6f}")  # fmt: skip

    def evaluation(self, at: Values, found: Values) -> None:
        """Write `Test set: ...`."""
        right = f", Accuracy: {100 * found['val_accuracy']:.2f}%" if "val_accuracy" in found else ""
        self.line(f"\nTest set: Average loss: {found['val_loss']:.4f}{right}\n")


class Keras(Style):
    """`Epoch 1/20 - loss: ... - val_loss: ...`, once an epoch."""

    def evaluation(self, at: Values, found: Values) -> None:
        """Write an epoch."""
        shown = " - ".join(f"{name}: {value:.4f}" for name, value in found.items())
        self.line(f"Epoch {at['epoch'] + 1}/{at['epochs']} - loss: {at['train']:.4f} - {shown}")


class Logging(Style):
    """Lines of Python's logging, the numbers by equals signs."""

    def _stamp(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S,000", time.localtime())

    def train(self, at: Values) -> None:
        """Write a step."""
        extra = "".join(f" {name}={value:.5g}" for name, value in at["extra"].items())
        self.line(f"{self._stamp()} INFO train: step={at['step']} loss={at['loss']:.5f} lr={at['lr']:.3g} "
                  f"grad_norm={at['norm']:.4g}{extra}")  # fmt: skip

    def evaluation(self, at: Values, found: Values) -> None:
        """Write an evaluation."""
        shown = " ".join(f"{name}={value:.5f}" for name, value in found.items())
        self.line(f"{self._stamp()} INFO eval: step={at['step']} {shown}")


class JsonLines(Style):
    """One object a line."""

    file_name = "metrics.jsonl"

    def train(self, at: Values) -> None:
        """Write a step."""
        row = {"step": at["step"], "epoch": at["epoch"], "train/loss": at["loss"], "train/lr": at["lr"],
               "train/grad_norm": at["norm"], "samples_per_second": round(at["rate"], 1)}  # fmt: skip
        self.line(json.dumps(row | {f"train/{name}": value for name, value in at["extra"].items()}))

    def evaluation(self, at: Values, found: Values) -> None:
        """Write an evaluation."""
        row = {name.replace("val_", "val/"): value for name, value in found.items()}
        self.line(json.dumps({"step": at["step"], "epoch": at["epoch"]} | row))


class Csv(Style):
    """A table with a row for each logged step; an evaluation fills the cells of the last one."""

    file_name = "log.csv"

    def open(self, folder: Path) -> None:
        """Start, or go on."""
        super().open(folder)
        self.row: dict[str, Any] = {}
        self.names: list[str] = []

    def train(self, at: Values) -> None:
        """Keep a row until the next one."""
        self._write()
        self.row = {"step": at["step"], "train_loss": f"{at['loss']:.6g}", "lr": f"{at['lr']:.4g}",
                    **{name: f"{value:.5g}" for name, value in at["extra"].items()}}  # fmt: skip

    def evaluation(self, at: Values, found: Values) -> None:
        """Fill cells."""
        self.row |= {"step": at["step"]} | {name: f"{value:.6g}" for name, value in found.items()}

    def _write(self) -> None:
        if not self.row:
            return
        if not self.names:
            extra = [name for name in self.row if name not in ("step", "train_loss", "lr", "val_loss", "val_accuracy")]
            self.names = ["step", "train_loss", "lr", *extra, "val_loss", "val_accuracy"]
            if self.file.tell() == 0:
                csv.writer(self.file).writerow(self.names)
        csv.DictWriter(self.file, self.names, restval="", extrasaction="ignore").writerow(self.row)
        self.row = {}

    def close(self) -> None:
        """Write the last row."""
        self._write()
        super().close()


STYLES = {"nanogpt": NanoGPT, "build-nanogpt": BuildNanoGPT, "tutorial": Tutorial, "mnist": MnistExample,
          "keras": Keras, "logging": Logging, "jsonl": JsonLines, "csv": Csv}  # fmt: skip
