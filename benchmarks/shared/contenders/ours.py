"""Our own bodies: the gated stack, and our Transformer with its short convolution and without."""

import functools

import torch
from torch import Tensor, nn

from contenders.fit import HEADS, LAYERS, VOCABULARY, WIDTH, fitted
from newllm.model.bodies.attention import AttentionMixer
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recurrence import resolve_backend


class NoConvolution(nn.Module):
    """Stands where the short convolution does, and passes the sequence on as it is."""

    def initial_tail(self, rows: int, device: torch.device) -> Tensor:
        """Return a tail of no values, `[B, 0]`."""
        return torch.zeros(rows, 0, device=device)

    def forward(
        self,
        x_BTD: Tensor,
        tail: Tensor,
        position_BT: Tensor,  # noqa: ARG002 (the convolution's form)
        *,
        has_resets: bool,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Return what came in."""
        return x_BTD, tail


def stack(length: int, seed: int = 0) -> LanguageModel:
    """Return the stack with the gated rule, the package's default, at its fitted width."""
    return _built(_config("stack", length, _hidden("stack")), seed)


def attention(length: int, seed: int = 0) -> LanguageModel:
    """Return our Transformer as the package has it: RoPE, QK-norm, SwiGLU, RMSNorm and the short convolution.

    Args:
        length: positions that it looks back over, so that it is plain causal attention within a row of as many.
        seed: of the initialisation.
    """
    return _built(_config("attention", length, _hidden("attention")), seed)


def plain_attention(length: int, seed: int = 0) -> LanguageModel:
    """Return our Transformer without the convolution: the modern Transformer as it is known."""
    return without_convolution(attention(length, seed))


def without_convolution(model: LanguageModel) -> LanguageModel:
    """Take the short convolutions out of our Transformer."""
    for module in model.modules():
        if isinstance(module, AttentionMixer):
            module.convolution = NoConvolution()  # type: ignore[assignment]
    return model


@functools.cache
def _hidden(body: str) -> int:
    return fitted(lambda hidden: LanguageModel(_config(body, 256, hidden)))


def _config(body: str, length: int, hidden: int) -> ModelConfig:
    return ModelConfig(
        body=body, width=WIDTH, layers=LAYERS, hidden=hidden, context=WIDTH, heads=HEADS,
        vocabulary=VOCABULARY, window=length,
    )  # fmt: skip


def _built(config: ModelConfig, seed: int) -> LanguageModel:
    model = LanguageModel(config, seed)
    model.use_scan(resolve_backend("auto", "cpu"))
    return model
