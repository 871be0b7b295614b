"""QK-norm: queries and keys of the founding Transformer at root mean square 1 in every head, before they meet.

Henry et al. 2020, "Query-Key Normalization for Transformers"; Dehghani et al. 2023 (ViT-22B) for stability. Without
the trained gain of a module that would be built in: a logit is at most the root of the head's width. Our body
attention has the norm already. torch's own nn.MultiheadAttention projects and attends in one call, and leaves no
place between.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.messages import Message, message
from newllm.model.bodies.founding_transformer import FoundingTransformer
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import model_of
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject


def _normalise(replica: Replica) -> None:
    body = replica.model.body
    assert isinstance(body, FoundingTransformer), "the intervention fits the founding Transformer only"
    for name, module in body.named_modules():
        if name.endswith(".query_key_value"):
            module.register_forward_hook(functools.partial(_at_size_one, heads=body.heads))


def _at_size_one(module: nn.Module, inputs: object, output: Tensor, *, heads: int) -> Tensor:  # noqa: ARG001
    query, key, value = output.chunk(3, dim=-1)
    per_head = (x.unflatten(-1, (heads, -1)) for x in (query, key))
    return torch.cat([*(F.rms_norm(x, x.shape[-1:]).flatten(-2) for x in per_head), value], dim=-1)


def _misfit(subject: Subject) -> Message | None:
    model = model_of(subject)
    if model is None:
        return message("misfit-whose_attention")
    if model.body == "attention":
        return message("misfit-qk_norm_already")
    return None if model.body == "founding-transformer" else message("misfit-no_attention", body=model.body)


QK_NORM = Intervention(
    name="qk-norm",
    kind="model",
    causes=("attention-logit-growth",),
    aims_at="activation_rms",
    direction=0,
    apply=lambda setup: setup.attach.append(_normalise),
    from_start=True,
    misfit=_misfit,
)
