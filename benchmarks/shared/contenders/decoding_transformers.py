"""transformers' GPT-2 and Mamba with their caches, on random weights.

Both get 4 M parameters: GPT-2 four layers with a fitted MLP (as deep as ours: a step's time goes into the number of
operations), and positions for the whole context, which do not count; Mamba has mambapy's shape. GPT-2 attends by
scaled_dot_product_attention. A step calls the model itself: `generate` would add its own work to it.
"""

import functools
import importlib
import inspect
from typing import Any

import torch
from torch import Tensor

from contenders.decoding import READ, Decoding, prompt, weights_of
from contenders.fit import HEADS, LAYERS, VOCABULARY, WIDTH, fitted, parameters
from contenders.scanning import MAMBA_LAYERS, MAMBA_WIDTH

_SPARE = 4096
"""Learned positions beyond the context."""
_ROOM = 64
"""Places in a static cache beyond the context."""


class _Model(Decoding):
    """A model of transformers.

    Args:
        model: the model.
        dtype: of its weights.
    """

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self.model, self.parameters = model.to(dtype).eval(), parameters(model)
        names = inspect.signature(model.forward).parameters
        # 5.24 calls it `cache`; before, GPT-2 said past_key_values and Mamba cache_params.
        known = ("cache", "past_key_values", "cache_params")
        self.cache_name = next(name for name in known if name in names)
        self.dtype = dtype
        self.cache: Any = None

    def step(self, token: int) -> Tensor:
        return self._run(torch.tensor([[token]]))

    def read(self, tokens_T: Tensor) -> Tensor:
        self.cache = None
        return self._run(tokens_T[None])

    def _run(self, tokens_1T: Tensor) -> Tensor:
        output = self.model(tokens_1T, use_cache=True, logits_to_keep=1, **{self.cache_name: self.cache})
        self.cache = output[self.cache_name]
        return output.logits[:, -1]

    @property
    def weights(self) -> list[Tensor]:
        return weights_of(self.model)


class GPT2(_Model):
    """GPT-2 with one of two caches.

    Args:
        model: the model.
        dtype: of its weights and its cache.
        static: a StaticCache, which is allocated once and a little longer than the context (a step attends to all of
            it); else transformers' default, a DynamicCache, which is copied in every step.
    """

    def __init__(self, model: Any, dtype: torch.dtype, *, static: bool) -> None:
        super().__init__(model, dtype)
        self.static = static

    def fill(self, context: int) -> None:
        """Make keys and values."""
        self.cache = self._empty(context + _ROOM)
        chance = torch.Generator().manual_seed(context)
        shape = (1, HEADS, context, WIDTH // HEADS)
        for layer in range(LAYERS):
            key, value = (torch.randn(shape, generator=chance).to(self.dtype) for _ in range(2))
            self.cache.update(key, value, layer)

    def rewind(self, tokens: int) -> None:
        """Take the last tokens out of the cache."""
        self.cache.crop(-tokens)

    def read(self, tokens_T: Tensor) -> Tensor:
        """Read a prompt in one call."""
        self.cache = self._empty(len(tokens_T) + _ROOM)
        return self._run(tokens_T[None])

    def _empty(self, room: int) -> Any:
        config = self.model.config
        if self.static:
            return _package().StaticCache(config=config, max_cache_len=room)
        return _package().DynamicCache(config=config)

    def memory(self) -> list[Any]:
        """Return keys and values."""
        return [(layer.keys, layer.values) for layer in self.cache.layers]


class Mamba(_Model):
    """Mamba by the way that needs no GPU kernels."""

    def fill(self, context: int) -> None:  # noqa: ARG002 (its state has one shape)
        """Read a little: the state has its shape from the first token on."""
        self.read(prompt(READ))

    def memory(self) -> list[Any]:
        """Return convolution and recurrent states."""
        tensors = []
        for layer in self.cache.layers:
            tensors += [value for value in vars(layer).values() if isinstance(value, Tensor | list | dict)]
        return tensors


def gpt2(dtype: torch.dtype, *, static: bool) -> Any:
    """Return what builds GPT-2 with weights of a dtype and one of two caches, for a context."""
    return lambda context: GPT2(_gpt2(_gpt2_hidden(), context + _SPARE), dtype, static=static)


def mamba(context: int) -> Decoding:  # noqa: ARG001 (a peer's form)
    """Return Mamba."""
    package = _package()
    config = package.MambaConfig(
        vocab_size=VOCABULARY, hidden_size=MAMBA_WIDTH, num_hidden_layers=MAMBA_LAYERS, bos_token_id=0, eos_token_id=0
    )
    return Mamba(package.MambaForCausalLM(config), torch.float32)


@functools.cache
def _gpt2_hidden() -> int:
    return fitted(lambda hidden: _gpt2(hidden, 8))


def _gpt2(hidden: int, positions: int) -> Any:
    config = _package().GPT2Config(
        vocab_size=VOCABULARY, n_positions=positions, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, n_inner=hidden,
        bos_token_id=0, eos_token_id=0, attn_implementation="sdpa",
    )  # fmt: skip
    return _package().GPT2LMHeadModel(config)


def _package() -> Any:
    return importlib.import_module("transformers")
