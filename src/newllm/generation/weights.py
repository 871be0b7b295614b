"""The precisions that a decoder keeps weights in, and the model that each of them is.

Only the weights of products are rounded: those of every linear layer and LSTM. Embedding, norms, biases,
convolutions and constant decays stay as they are: of these a token reads little. A head that is tied to the embedding
is a product: it gets a rounded copy of the matrix, whose rows are looked up as they are.
"""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from newllm.errors import unknown_name
from newllm.model.language_model import LanguageModel
from newllm.model.tied_head import untied

WEIGHTS = ("fp32", "bf16", "int8")
"""The names: float32 as trained; bfloat16; 8 bits with one scale for each output, symmetric."""

_LARGEST = 127


class Quantised(NamedTuple):
    """A weight of 8 bits, `weight = whole * scale`."""

    whole: Tensor  # [out, in], int8, -127 to 127
    scale: Tensor  # [out], float32


def check_weights(weights: str) -> None:
    """Raise UserError for a name that is none."""
    if weights not in WEIGHTS:
        raise unknown_name("weights", str(weights), WEIGHTS)


def quantise(weight: Tensor) -> Quantised:
    """Return a weight `[out, in]` in 8 bits; an output's largest weight becomes 127."""
    scale = weight.abs().amax(dim=1) / _LARGEST
    whole = (weight / torch.where(scale > 0, scale, 1.0)[:, None]).round()
    return Quantised(whole.to(torch.int8), scale)


def rounded(weight: Tensor, weights: str) -> Tensor:
    """Return a weight `[out, in]` as a precision keeps it, in its own dtype."""
    if weights == "bf16":
        return weight.bfloat16().to(weight.dtype)
    if weights == "int8":
        whole, scale = quantise(weight)
        return whole.to(weight.dtype) * scale[:, None]
    return weight


def rounded_model(model: LanguageModel, weights: str) -> LanguageModel:
    """Return the model that a precision makes of this one; for fp32 the model itself.

    Raises:
        UserError: no precision has this name.
    """
    check_weights(weights)
    if weights == "fp32":
        return model
    result = copy.deepcopy(model)
    if result.head.weight is result.embedding.weight:
        result.head = untied(result.head)
    with torch.no_grad():
        for module in result.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if isinstance(module, nn.Linear | nn.RNNBase) and name.startswith("weight"):
                    parameter.copy_(rounded(parameter, weights))
    return result
