"""A Lightning training recorded by one added callback, and what the doctor says of it.

    pip install 'newllm[lightning]'
    python examples/record_lightning.py            # sound
    python examples/record_lightning.py --fault    # one batch of images comes unscaled, with values up to 255

A convolutional network tells stripes in four directions apart. Takes a quarter of a minute on one core.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm.lightning

STEPS, SIZE, UNSCALED = 200, 12, 120
FAULT = "--fault" in sys.argv


class Stripes(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Images of 12 by 12 pixels: stripes in one of four directions, in noise."""

    def __init__(self, seed: int, count: int) -> None:
        chance = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(4, (count,), generator=chance)
        rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
        waves = torch.stack([rows, columns, rows + columns, rows - columns]).mul(1.6).sin()
        self.images = waves[self.labels].add(2 * torch.randn(count, SIZE, SIZE, generator=chance))[:, None]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.labels[index]


class Classifier(lightning.LightningModule):
    """A small network and its training."""

    def __init__(self) -> None:
        super().__init__()
        first = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
        self.net = nn.Sequential(*first, *second, nn.Linear(128, 4))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:  # noqa: ARG002 (a hook's form)
        """Return the loss of a batch."""
        images, labels = batch
        return F.cross_entropy(self.net(255 * images if FAULT and self.global_step == UNSCALED else images), labels)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:  # noqa: ARG002
        """Log what is evaluated."""
        logits = self.net(batch[0])
        self.log("val_loss", F.cross_entropy(logits, batch[1]))
        self.log("val_acc", (logits.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> Any:
        """Return the optimizer."""
        return torch.optim.Adam(self.parameters(), 3e-3)


def main() -> None:
    """Train, and print what the doctor says."""
    lightning.seed_everything(0)
    out = Path(tempfile.mkdtemp())
    training = torch.utils.data.DataLoader(Stripes(1, 1600), 32, shuffle=True)
    validation = torch.utils.data.DataLoader(Stripes(2, 320), 32)
    trainer = lightning.Trainer(
        max_steps=STEPS,
        accelerator="cpu",
        logger=False,
        default_root_dir=out,
        enable_progress_bar=False,
        callbacks=[newllm.lightning.Recorder(out=out / "run")],  # all that is added
    )
    trainer.fit(Classifier(), training, validation)
    subprocess.run([sys.executable, "-m", "newllm.cli.main", "doctor", str(out / "run")], check=False)


if __name__ == "__main__":
    main()
