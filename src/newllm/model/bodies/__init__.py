"""Bodies by name: all stand under the same embedding, head, trainer and recorder."""

from newllm.model.bodies.attention import Attention
from newllm.model.bodies.body import Body, Handover, State
from newllm.model.bodies.cell import Cell, ZeroContextCell
from newllm.model.bodies.founding_transformer import FoundingTransformer
from newllm.model.bodies.lstm import LSTM
from newllm.model.bodies.stack import Stack, ZeroContextStack
from newllm.model.config import ModelConfig

BODIES: dict[str, type[Body]] = {
    "cell": Cell,
    "zero-cell": ZeroContextCell,
    "stack": Stack,
    "zero-stack": ZeroContextStack,
    "attention": Attention,
    "founding-transformer": FoundingTransformer,
    "lstm": LSTM,
}

__all__ = ["BODIES", "Body", "Handover", "State", "build_body"]


def build_body(config: ModelConfig) -> Body:
    """Build the body that a (checked) configuration names."""
    return BODIES[config.body](config)  # type: ignore[call-arg]
