"""A Transformer that is not newllm's, torch's own, trained on the bytes of a novel, with a fault in its schedule.

    python examples/replay_transformer.py

Read examples/replay_cnn.py first. New here: `rate` tells the learning rate of each update, so that replays can change
it, and `clip` the largest norm of the gradient. The fault: from step 90 on the rate is thirty times what it should be
for five updates, as where two schedules are multiplied. Takes about two minutes on two cores.
"""

import lzma
from importlib import resources

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm

STEPS, WIDTH, WINDOW, ROWS = 140, 48, 32, 8
MULTIPLIED = range(90, 95)  # the fault
NOVEL = resources.files("newllm.data") / "bundled" / "moby-dick.txt.xz"
TEXT = torch.frombuffer(bytearray(lzma.decompress(NOVEL.read_bytes())[:200_000]), dtype=torch.uint8)


class Transformer(nn.Module):
    """Two layers that read bytes from left to right."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.1, batch_first=True, norm_first=True)
        self.embedding = nn.Embedding(256, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(WINDOW, WIDTH))
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
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
    warm = min(1.0, (step + 1) / 20)
    return 3e-3 * warm * (30 if step in MULTIPLIED else 1)


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
    print("\n".join(verdict.sentences))
