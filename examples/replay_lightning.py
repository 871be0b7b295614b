"""A Lightning training with a batch of wrong labels: recorded, diagnosed and replayed, with no function written.

    pip install 'newllm[lightning]'
    python examples/replay_lightning.py

A small CNN learns which quarter of an image is the brightest. The fault is in the loader's own collating function: the
labels of a few rows in a row are drawn at random, and their pictures are ten times too bright. A callback records the
training, `newllm doctor` reads the recording, and `newllm.lightning.loop` takes what `trainer.fit` takes. Takes less
than two minutes on two cores.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import newllm
import newllm.lightning

ROWS, BATCH = 32 * 110, 32
BAD = range(BATCH * 60, BATCH * 63)  # the fault: rows of three batches


def images(count: int, seed: int) -> TensorDataset:
    """Return images [N, 1, 12, 12], which quarter of each is the brightest, and the number of each."""
    x = torch.randn(count, 1, 12, 12, generator=torch.Generator().manual_seed(seed))
    quarters = x.unfold(2, 6, 6).unfold(3, 6, 6).sum((-1, -2)).flatten(1)
    return TensorDataset(x, quarters.argmax(1), torch.arange(count))


def collate(rows: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return a batch: of some rows with other labels, and much too bright."""
    x, y, number = map(torch.stack, zip(*rows, strict=True))
    bad = torch.isin(number, torch.tensor(BAD))
    return torch.where(bad[:, None, None, None], 10 * x, x), torch.where(bad, (y + 1 + number % 3) % 4, y)


class Net(lightning.LightningModule):
    """A CNN as tutorials write it, without a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(), nn.Flatten(),
            nn.Linear(16 * 25, 4),
        )  # fmt: skip

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Return the loss of a batch."""
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer."""
        return torch.optim.Adam(self.parameters(), lr=5e-3)


def make(folder: str, **settings: Any) -> tuple[lightning.Trainer, Net, DataLoader]:
    """Return what a script gives to `trainer.fit`, and the Trainer."""
    torch.manual_seed(0)
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **settings,
    )
    return trainer, Net(), DataLoader(images(ROWS, 0), BATCH, collate_fn=collate)


if __name__ == "__main__":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording"
        trainer, module, loader = make(folder, callbacks=[newllm.lightning.Recorder(out=recording)])
        loop = newllm.lightning.loop(trainer, module, loader)  # before the training: it needs the module as it begins
        trainer.fit(module, loader)
        for finding in newllm.doctor(recording).findings:
            print(f"doctor: {finding.sentence}")
        verdict = newllm.replay(loop, budget=60, recorded=recording)
        print(verdict)
