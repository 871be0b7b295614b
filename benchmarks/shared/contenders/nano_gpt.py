"""nanoGPT's shape (github.com/karpathy/nanoGPT, model.py), written small.

Learned positions, LayerNorm without biases, GELU of four times the width, causal scaled_dot_product_attention, head and
embedding tied, weights N(0, 0.02) and residual outputs divided by sqrt(2 * layers). It stands in our `LanguageModel`,
so that the same loop trains it. It keeps no cache, and neither does nanoGPT.

Shapes: B rows, T positions, D width.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contenders.fit import HEADS, LAYERS, VOCABULARY, WIDTH, fitted
from newllm.model.bodies.body import Body, State
from newllm.model.config import ModelConfig
from newllm.model.init import initialise
from newllm.model.language_model import LanguageModel


class _Block(nn.Module):
    """`x = x + attention(norm(x)); x = x + MLP(norm(x))`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width, bias=False)
        self.query_key_value = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.mlp_norm = nn.LayerNorm(config.width, bias=False)
        self.up = nn.Linear(config.width, config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        packed = self.query_key_value(self.attention_norm(x_BTD)).unflatten(-1, (3, self.heads, -1))
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        mixed_BHTE = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x_BTD = x_BTD + self.out(mixed_BHTE.transpose(1, 2).flatten(2))
        return x_BTD + self.down(F.gelu(self.up(self.mlp_norm(x_BTD))))


class _Body(Body):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.output_width = config.width
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.last_norm = nn.LayerNorm(config.width, bias=False)

    def initial_state(self, rows: int, device: torch.device) -> State:  # noqa: ARG002 (the body's form)
        return {}

    def forward(
        self,
        x_BTD: Tensor,
        state: State,  # noqa: ARG002
        position_BT: Tensor,  # noqa: ARG002
        reset_BT: Tensor | None,  # noqa: ARG002
        inner: list[Tensor] | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, State]:
        for block in self.blocks:
            x_BTD = block(x_BTD)
        return self.last_norm(x_BTD), {}


class _TiedHead(nn.Module):
    """Predicts with the embedding's own weights."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self._embedding = [embedding]  # in a list: its parameters are the embedding's and not registered twice

    @property
    def weight(self) -> Tensor:
        return self._embedding[0].weight

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight)


class NanoGPT(LanguageModel):
    """The model.

    Args:
        config: width, layers, hidden, heads and positions count; it names our attention body, which is put out.
        seed: of the initialisation.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.body = _Body(config)
        self.head = _TiedHead(self.embedding)  # type: ignore[assignment]
        initialise(self, "normal", seed)
        with torch.no_grad():
            for block in self.body.modules():
                if isinstance(block, _Block):
                    block.out.weight.mul_((2 * config.layers) ** -0.5)
                    block.down.weight.mul_((2 * config.layers) ** -0.5)


def nano_gpt(length: int, seed: int = 0) -> NanoGPT:
    """Return the model for rows of `length`, at its fitted width."""
    return NanoGPT(config(length, _hidden()), seed)


def config(length: int, hidden: int) -> ModelConfig:
    """Return the shape as our configuration says it."""
    return ModelConfig(
        body="attention", width=WIDTH, layers=LAYERS, hidden=hidden, heads=HEADS, vocabulary=VOCABULARY,
        positions=length, window=length,
    )  # fmt: skip


@functools.cache
def _hidden() -> int:
    return fitted(lambda hidden: NanoGPT(config(8, hidden)))
