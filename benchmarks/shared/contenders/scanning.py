"""Models of other people that train by a parallel scan: minGRU-pytorch and mambapy, as their authors set them up.

minGRU-pytorch's `minLM`: expansion 1.5 and the feed-forward width as the free one. mambapy's `LM`: expansion 2 and 16
states a channel; its parallel scan is on (`pscan`). Mamba has no MLP to fit: width 384 and four layers come to the same
parameters. Nine layers of width 256, nearer to its paper's proportions, took half as long again for a training step.
mambapy's own `LM` cannot be imported without a GPU's mamba_ssm (1.2.0: lm.py imports mamba2.py, which
imports it), so that its embedding, last norm and head are written here as they stand there.
"""

import functools
import importlib
from typing import Any

from torch import Tensor, nn

from contenders.fit import LAYERS, VOCABULARY, WIDTH, fitted

MAMBA_WIDTH, MAMBA_LAYERS = 384, 4


def min_gru(length: int) -> nn.Module:  # noqa: ARG001 (a peer's form)
    """Return minGRU-pytorch's language model at its fitted width."""
    return _min_gru(_min_gru_hidden())


class MambaPyModel(nn.Module):
    """mambapy's blocks between the embedding, last norm and head of its `LM`."""

    def __init__(self) -> None:
        super().__init__()
        package: Any = importlib.import_module("mambapy.mamba")
        self.config = package.MambaConfig(d_model=MAMBA_WIDTH, n_layers=MAMBA_LAYERS, pscan=True)
        self.embedding = nn.Embedding(VOCABULARY, MAMBA_WIDTH, padding_idx=0)
        self.mamba = package.Mamba(self.config)
        self.norm = package.RMSNorm(MAMBA_WIDTH, self.config.rms_norm_eps)
        self.head = nn.Linear(MAMBA_WIDTH, VOCABULARY, bias=False)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Return logits `[B, T, V]`."""
        return self.head(self.norm(self.mamba(self.embedding(tokens_BT))))

    def step(self, token_B: Tensor, caches: list[Any]) -> tuple[Tensor, list[Any]]:
        """Return logits `[B, V]` and the caches after one token."""
        features, caches = self.mamba.step(self.embedding(token_B), caches)
        return self.head(self.norm(features)), caches


def mamba(length: int) -> MambaPyModel:  # noqa: ARG001
    """Return mambapy's model."""
    return MambaPyModel()


def _min_gru(hidden: int) -> nn.Module:
    package: Any = importlib.import_module("minGRU_pytorch.minLM")
    return package.minLM(num_tokens=VOCABULARY, dim=WIDTH, depth=LAYERS, ff_mult=hidden / WIDTH)


@functools.cache
def _min_gru_hidden() -> int:
    return fitted(_min_gru)
