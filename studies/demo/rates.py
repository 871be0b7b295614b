"""The demo's two trainings of somebody's own PyTorch loop: one as planned, one whose learning rate was doubled.

A small Transformer (norms behind its sums, Adam) learns the bytes of Moby Dick. Its rate is to rise over 300 updates
to 0.008. By mistake the second training multiplies it by two from update 240 on, as where a rule for larger batches
is applied once more; all else, initialisation and batches among it, is the same. Takes a minute on one core.
"""

import lzma
from importlib.resources import files
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm

LENGTH, BATCH, WIDTH, LAYERS = 64, 8, 64, 3
RATE, WARM_UP, STEPS, EVALUATE_EVERY = 0.008, 300, 480, 10
DOUBLED_AT = 240
_ROWS, _HELD_OUT = 9000, 128  # of LENGTH bytes


class Transformer(nn.Module):
    """A causal language model of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(256, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, 0.0, "gelu", batch_first=True) for _ in range(LAYERS)
        )
        self.head = nn.Linear(WIDTH, 256)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits of each next byte."""
        length = tokens.shape[1]
        hidden = self.embedding(tokens) + self.positions(torch.arange(length))
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        for block in self.blocks:
            hidden = block(hidden, src_mask=mask, is_causal=True)
        return self.head(hidden)


def check(out: Path) -> None:
    """Check the training before it begins, and keep what was found with its run.

    Nothing is wrong with it: the mistake is made later, by the loop, where no check of its parts can see it.
    """
    training, _ = _rows()
    model, optimizer = _begun()
    newllm.check(model, optimizer, loss_of, _batch(training, 1), evaluate=evaluate, out=out)


def train(out: Path, doubled_at: int | None = None) -> None:
    """Check the training, train, and record it.

    Args:
        out: the run directory to make.
        doubled_at: the update from which on the learning rate is twice what was planned; None for as planned.
    """
    check(out)
    training, held_out = _rows()
    model, optimizer = _begun()
    with newllm.record(model, optimizer, out=out) as recorder:
        for step in range(1, STEPS + 1):
            mistake = 2 if doubled_at is not None and step >= doubled_at else 1
            optimizer.param_groups[0]["lr"] = mistake * RATE * min(1.0, step / WARM_UP)
            optimizer.zero_grad()
            loss = loss_of(model, _batch(training, step))
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if step % EVALUATE_EVERY == 0:
                recorder.validation(evaluate(model, held_out))


def loss_of(model: nn.Module, batch: Tensor) -> Tensor:
    """Return the mean cross-entropy of the next byte."""
    return F.cross_entropy(model(batch[:, :-1]).transpose(1, 2), batch[:, 1:])


def evaluate(model: nn.Module, batch: Tensor) -> Tensor:
    """Return the loss in evaluation mode."""
    model.eval()
    with torch.no_grad():
        loss = loss_of(model, batch)
    model.train()
    return loss


def _begun() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = Transformer()
    return model, torch.optim.Adam(model.parameters(), RATE)


def _rows() -> tuple[Tensor, Tensor]:
    packed = files("newllm").joinpath("data", "bundled", "moby-dick.txt.xz").read_bytes()
    rows = torch.tensor(list(lzma.decompress(packed)[: _ROWS * LENGTH])).view(-1, LENGTH)
    return rows[:-_HELD_OUT], rows[-_HELD_OUT:]


def _batch(training: Tensor, step: int) -> Tensor:
    return training[torch.randint(len(training), (BATCH,), generator=torch.Generator().manual_seed(step))]
