"""RWKV-7 by the package rwkv, on random weights of the shape that its trainer gives a model of width 256.

The package reads a checkpoint file, which is written into a temporary directory: it is torch's own format, the only one
that the package takes. Strategy "cpu fp32", with its TorchScript on (`RWKV_JIT_ON`), which is its own recommendation.
"""

import contextlib
import importlib
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from contenders.decoding import READ, Decoding, prompt
from contenders.fit import LAYERS, TARGET, VOCABULARY, WIDTH

_HEAD = 64
_LOW_RANK = {"w": 32, "a": 32, "v": 32, "g": 64}
"""Of the low-rank parts at width 256, by RWKV-LM's formulas (RWKV-v7/train_temp/src/model.py)."""


class RWKV(Decoding):
    """The model and its state; it changes the state in place."""

    def __init__(self) -> None:
        os.environ.update(RWKV_V7_ON="1", RWKV_JIT_ON="1", RWKV_CUDA_ON="0")
        tensors = _random_weights()
        self.parameters = sum(value.numel() for value in tensors.values())
        with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(io.StringIO()):
            package: Any = importlib.import_module("rwkv.model")
            path = Path(directory) / "model"
            torch.save(tensors, f"{path}.pth")
            self.model = package.RWKV_x070(str(path), "cpu fp32")
        self.state: list[Tensor] | None = None

    def fill(self, context: int) -> None:  # noqa: ARG002 (its state has one shape)
        """Read a little: the state has its shape from the first token on."""
        self.read(prompt(READ))

    def step(self, token: int) -> Tensor:
        """Read one token."""
        logits, self.state = self.model.forward(token, self.state)
        return logits

    def read(self, tokens_T: Tensor) -> Tensor:
        """Read a prompt in one call."""
        logits, self.state = self.model.forward(tokens_T.tolist(), None)
        return logits

    def memory(self) -> list[Any]:
        """Return the state."""
        return [self.state]

    @property
    def weights(self) -> list[Tensor]:
        """The tensors as the package holds them."""
        return list(self.model.z.values())


def rwkv(context: int) -> Decoding:  # noqa: ARG001 (a peer's form)
    """Return RWKV-7."""
    return RWKV()


def _random_weights() -> dict[str, Tensor]:
    hidden = 4 * WIDTH
    count = sum(value.numel() for value in _weights(hidden).values())
    hidden += round((TARGET - count) / (2 * WIDTH * LAYERS) / 8) * 8
    return _weights(hidden)


def _weights(hidden: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    weights = {"emb.weight": _matrix(VOCABULARY, WIDTH), "head.weight": _matrix(VOCABULARY, WIDTH)}
    weights |= _norm("ln_out") | _norm("blocks.0.ln0")
    for layer in range(LAYERS):
        block = f"blocks.{layer}."
        weights |= _norm(f"{block}ln1") | _norm(f"{block}ln2") | _time_mix(f"{block}att.")
        weights[f"{block}ffn.x_k"] = torch.rand(1, 1, WIDTH)
        weights[f"{block}ffn.key.weight"] = _matrix(hidden, WIDTH)
        weights[f"{block}ffn.value.weight"] = _matrix(WIDTH, hidden)
    return weights


def _time_mix(prefix: str) -> dict[str, Tensor]:
    weights = _norm(f"{prefix}ln_x")
    weights |= {f"{prefix}{name}": torch.rand(1, 1, WIDTH) for name in ("x_r", "x_w", "x_k", "x_v", "x_a", "x_g")}
    weights |= {f"{prefix}{name}": torch.rand(1, 1, WIDTH) for name in ("w0", "a0", "v0", "k_k", "k_a")}
    for name, rank in _LOW_RANK.items():
        weights[f"{prefix}{name}1"], weights[f"{prefix}{name}2"] = _matrix(WIDTH, rank), _matrix(rank, WIDTH)
    weights[f"{prefix}r_k"] = torch.randn(WIDTH // _HEAD, _HEAD)
    for name in ("receptance", "key", "value", "output"):
        weights[f"{prefix}{name}.weight"] = _matrix(WIDTH, WIDTH)
    return weights


def _norm(name: str) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.ones(WIDTH), f"{name}.bias": torch.zeros(WIDTH)}


def _matrix(rows: int, columns: int) -> Tensor:
    return torch.randn(rows, columns) * columns**-0.5
