"""The lines of the peers in a figure: one peer has one look in all figures, and what is ours is green and heavy."""

from typing import Any

from newllm.plotting import colours
from newllm.plotting.scaling import DASHED, DOTTED, MIXED, Look, ScalingLine

_ORANGE, _PURPLE = colours.VALIDATION, colours.LEARNING_RATE
LOOKS = {
    "newllm stack": Look(colours.CONTEXT, strong=True),
    "newllm stack, eager step": Look(colours.CONTEXT, DOTTED, strong=True),
    "newllm stack, fp32": Look(colours.CONTEXT, strong=True),
    "newllm stack, bf16 weights": Look(colours.CONTEXT, DASHED, strong=True),
    "newllm stack, int8 weights": Look(colours.CONTEXT, MIXED, strong=True),
    "newllm attention": Look(colours.TRAINING),
    "modern Transformer": Look(colours.SKY),
    "nanoGPT's shape": Look(_PURPLE),
    "transformers GPT-2": Look(_PURPLE),
    "GPT-2, static cache": Look(_PURPLE, DASHED),
    "GPT-2, static cache, bf16": Look(_PURPLE, DOTTED),
    "nn.LSTM": Look(_ORANGE),
    "nn.GRU": Look(_ORANGE, DASHED),
    "minGRU-pytorch": Look(colours.SPIKE),
    "mambapy": Look(colours.INK),
    "transformers Mamba": Look(colours.INK, DASHED),
    "rwkv (RWKV-7)": Look(colours.MUTED),
}
_KEYS = ("least", "median", "most")


def line_of(peer: str, size: str, key: str, cells: list[dict[str, Any]]) -> ScalingLine:
    """Return the line of one peer from cells that have a number or a spread under `key`."""
    own = [(cell[size], cell[key]) for cell in cells if cell["peer"] == peer]
    spreads = [value if isinstance(value, dict) else dict.fromkeys(_KEYS, value) for _, value in own]
    low, middle, high = ([one[name] for one in spreads] for name in _KEYS)
    return ScalingLine(peer, LOOKS[peer], [x for x, _ in own], low, middle, high)
