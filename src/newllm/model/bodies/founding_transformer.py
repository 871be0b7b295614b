"""The Transformer that the founding document compares with: post-norm, GELU, learned positions.

Dropout on embeddings, attention weights, attention output, after GELU and after the FFN; a causal mask
only. The learned positions belong to the embedding of the language model.
"""

import torch
from torch import Tensor, nn

from newllm.model.bodies.attend import attend, empty_cache
from newllm.model.bodies.body import Body, State, join_states, layer_state
from newllm.model.config import ModelConfig


class _Layer(nn.Module):
    """`x = norm(x + attention(x)); x = norm(x + FFN(x))`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.window, self.attention_dropout = config.heads, config.positions, config.dropout
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width)
        self.ffn = nn.Sequential(
            nn.Linear(config.width, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.width),
        )
        self.ffn_norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BTD: Tensor, cache: State, position_BT: Tensor, *, has_resets: bool) -> tuple[Tensor, State]:
        query, key, value = self.query_key_value(x_BTD).unflatten(-1, (3, self.heads, -1)).unbind(2)
        dropout = self.attention_dropout if self.training else 0.0
        attended, cache = attend(
            query, key, value, cache, position_BT, window=self.window, has_resets=has_resets, dropout=dropout
        )
        x_BTD = self.attention_norm(x_BTD + self.dropout(self.out(attended)))
        return self.ffn_norm(x_BTD + self.dropout(self.ffn(x_BTD))), cache


class FoundingTransformer(Body):
    """Post-norm layers and a final norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.output_width = config.width
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.last_norm = nn.LayerNorm(config.width)
        self.heads, self.head_width = config.heads, config.width // config.heads

    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return empty caches."""
        dtype = self.last_norm.weight.dtype
        return join_states([empty_cache(rows, self.heads, self.head_width, device, dtype) for _ in self.layers])

    def forward(
        self,
        x_BTD: Tensor,
        state: State,
        position_BT: Tensor,
        reset_BT: Tensor | None,
        inner: list[Tensor] | None = None,
    ) -> tuple[Tensor, State]:
        """Run the layers in order."""
        x_BTD, states = self.dropout(x_BTD), []
        for index, layer in enumerate(self.layers):
            if inner is not None and index > 0:
                inner.append(x_BTD)
            cache = layer_state(state, index)
            x_BTD, after = layer(x_BTD, cache, position_BT, has_resets=reset_BT is not None)
            states.append(after)
        return self.last_norm(x_BTD), join_states(states)
