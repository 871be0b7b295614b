"""The outputs of residual branches, divided by the root of their number at the start (Radford et al. 2019, GPT-2)."""

import re

import torch
from torch import nn

from newllm.messages import Message, message
from newllm.model.language_model import LanguageModel
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import model_of
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject

_FOUNDING = re.compile(r"body\.layers\.\d+\.(out|ffn\.3)")  # the founding Transformer does not mark its branches
_BRANCHED = ("stack", "zero-stack", "attention", "founding-transformer")


@torch.no_grad()
def _scale(replica: Replica) -> None:
    assert isinstance(replica.model, LanguageModel), "the intervention fits models of ours only"
    depth = (2 * replica.model.config.layers) ** -0.5
    for name, module in replica.model.named_modules():
        if isinstance(module, nn.Linear) and (hasattr(module, "is_residual_output") or _FOUNDING.fullmatch(name)):
            module.weight.mul_(depth)


def _misfit(subject: Subject) -> Message | None:
    model = model_of(subject)
    if model is None:
        return message("misfit-whose_branches")
    if model.body not in _BRANCHED and not (model.body in ("cell", "zero-cell") and model.fnn == "residual"):
        return message("misfit-no_branches", body=model.body)
    is_scaled = model.initialisation == "scaled" and model.body != "founding-transformer"
    return message("misfit-scaled_already") if is_scaled else None


DEPTH_SCALED_RESIDUALS = Intervention(
    name="depth-scaled-residuals",
    kind="start",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=-1,
    apply=lambda setup: setup.attach.append(_scale),
    from_start=True,
    misfit=_misfit,
)
