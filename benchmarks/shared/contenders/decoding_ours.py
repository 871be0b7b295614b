"""Our models as they decode: the stack by `LanguageModel.step` and by the decoding engine, attention with its cache."""

import importlib
from typing import Any

import torch
from torch import Tensor

from contenders import ours
from contenders.decoding import READ, Decoding, prompt, weights_of
from contenders.fit import parameters
from newllm.generation.decoder import CHUNK
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel


class Eager(Decoding):
    """`LanguageModel.step`, an operation of torch after another.

    Args:
        model: in evaluation mode.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.parameters = model.eval(), parameters(model)
        self.filled: State = model.initial_state(1)
        self.state: State = self.filled

    def fill(self, context: int) -> None:
        """Read a part, and count it as all."""
        self.read(prompt(READ))
        self.filled = self.state = {**self.state, "position": torch.tensor([context])}

    def step(self, token: int) -> Tensor:
        """Read one token."""
        logits, self.state = self.model.step(torch.tensor([token]), self.state)
        return logits

    def rewind(self, tokens: int) -> None:  # noqa: ARG002 (states are never changed in place)
        """Go back to the filled state."""
        self.state = self.filled

    def read(self, tokens_T: Tensor) -> Tensor:
        """Read in chunks, as the engine does."""
        state, logits = self.model.initial_state(1), torch.empty(0)
        for chunk_T in tokens_T.split(CHUNK):
            logits, state = self.model(chunk_T[None], state)
        self.state = state
        return logits[:, -1]

    def memory(self) -> list[Any]:
        """Return the state."""
        return [self.state]

    @property
    def weights(self) -> list[Tensor]:
        """The parameters."""
        return weights_of(self.model)


class Cached(Eager):
    """Our attention body, with random keys and values in its cache."""

    def fill(self, context: int) -> None:
        """Make keys and values."""
        state = dict(self.model.initial_state(1))
        chance = torch.Generator().manual_seed(context)
        for name, value in state.items():
            if name.endswith(("key", "value")):
                rows, _, heads, width = value.shape
                state[name] = torch.randn(rows, context, heads, width, generator=chance)
        self.filled = self.state = {**state, "position": torch.tensor([context])}


class Decoded(Eager):
    """The decoding engine.

    Args:
        model: in evaluation mode.
        weights: "fp32", "bf16" or "int8".
    """

    def __init__(self, model: LanguageModel, weights: str) -> None:
        super().__init__(model)
        engine: Any = importlib.import_module("newllm.generation.decoder")
        self.decoder, self.kind = engine.Decoder(model, weights=weights), weights

    def step(self, token: int) -> Tensor:
        """Read one token."""
        logits, self.state = self.decoder.step(torch.tensor([token]), self.state)
        return logits

    @property
    def weights(self) -> list[Tensor]:
        """The parameters in the precision in which a step reads them: matrices are rounded, the rest is not."""
        kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8}[self.kind]
        return [torch.empty_like(value, dtype=kind if value.dim() > 1 else None) for value in super().weights]


def stack(context: int) -> Decoding:  # noqa: ARG001 (a peer's form)
    """Return the stack, step by step."""
    return Eager(ours.stack(256))


def decoder(weights: str) -> Any:
    """Return what builds the stack under the decoding engine."""
    return lambda context: Decoded(ours.stack(256), weights)  # noqa: ARG005


def attention(context: int) -> Decoding:
    """Return our attention body with a window that holds the whole context."""
    return Cached(ours.attention(context + 4096))
