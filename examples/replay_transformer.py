"""A Transformer that is not newllm's, torch's own, trained on the bytes of a novel, with a fault in its schedule.

    python examples/replay_transformer.py

Read examples/replay_cnn.py first. New here: `rate` tells the learning rate of each update, so that replays can change
it, and `clip` the largest norm of the gradient. The fault: for three updates the rate is a hundred times what it should
be, as where a number in percent is taken for a share. Takes about two minutes on two cores.
"""

import lzma
from importlib import resources

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm

STEPS, WIDTH, WINDOW, ROWS = 80, 32, 32, 16
IN_PERCENT = range(45, 48)  # the fault
NOVEL = resources.files("newllm.data") / "bundled" / "moby-dick.txt.xz"
TEXT = torch.frombuffer(bytearray(lzma.decompress(NOVEL.read_bytes())[:200_000]), dtype=torch.uint8)


class Transformer(nn.Module):
    """One layer that reads bytes from left to right."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.1, batch_first=True, norm_first=True)
        self.embedding = nn.Embedding(256, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(WINDOW, WIDTH))
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 256)

    def forward(self, bytes_BT: Tensor) -> Tensor:
        """Return logits [B, T, 256] of the byte after each."""
        mask = nn.Transformer.generate_square_subsequent_mask(WINDOW)
        x = self.layers(self.embedding(bytes_BT) + self.positions, mask=mask, is_causal=True)
        return self.head(self.norm(x))


def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it already)
    """Return the model and its optimizer."""
    model = Transformer()
    return model, torch.optim.AdamW(model.parameters(), lr=rate(0), betas=(0.9, 0.99))


def rate(step: int) -> float:
    """Return the learning rate of an update."""
    warm = min(1.0, (step + 1) / 10)
    return 4e-3 * warm * (100 if step in IN_PERCENT else 1)


def batch(step: int) -> Tensor:
    """Return the windows of an update, [ROWS, WINDOW + 1]: where they begin is drawn from the step's number."""
    starts = torch.randint(len(TEXT) - WINDOW, (ROWS, 1), generator=torch.Generator().manual_seed(step))
    return TEXT[starts + torch.arange(WINDOW + 1)].long()


def loss(model: nn.Module, batch: Tensor) -> Tensor:
    """Return nats a byte."""
    return F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())


loop = newllm.Loop(build, batch, loss, steps=STEPS, clip=1.0, rate=rate)

if __name__ == "__main__":
    verdict = newllm.replay(loop, budget=90)
    print(verdict)
