"""Interventions on the initialisation: replayed from step 0."""

import re

import torch
from torch import nn

from newllm.messages import Message, message
from newllm.model.language_model import LanguageModel
from newllm.replays.interventions.intervention import Intervention, not_ours
from newllm.replays.interventions.model.anatomy import anatomy, embedding_scale, embeddings
from newllm.replays.interventions.model.own_model import change_model, model_of, set_already
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.subject import Subject

# initialisation-he: weights drawn as He et al. (2015) did, N(0, 2/fan-in): behind a ReLU the signal keeps its size.


INITIALISATION_HE = Intervention(
    name="initialisation-he",
    kind="start",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=1,
    apply=lambda setup: change_model(setup, initialisation="he"),
    from_start=True,
    misfit=set_already("initialisation", "he", not_ours),
)


# initialisation-scaled: weights drawn from N(0, 1/fan-in), the outputs of residual branches smaller by depth: our
# scheme "scaled" (GPT-2).


INITIALISATION_SCALED = Intervention(
    name="initialisation-scaled",
    kind="start",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=0,
    apply=lambda setup: change_model(setup, initialisation="scaled"),
    from_start=True,
    misfit=set_already("initialisation", "scaled", not_ours),
)


# depth-scaled-residuals: the outputs of residual branches, divided by the root of their number at the start (Radford et
# al. 2019, GPT-2).

_FOUNDING = re.compile(r"body\.layers\.\d+\.(out|ffn\.3)")  # the founding Transformer does not mark its branches
_BRANCHED = ("stack", "zero-stack", "attention", "founding-transformer")


@torch.no_grad()
def _scale_branches(replica: Replica) -> None:
    assert isinstance(replica.model, LanguageModel), "the intervention fits models of ours only"
    depth = (2 * replica.model.config.layers) ** -0.5
    for name, module in replica.model.named_modules():
        if isinstance(module, nn.Linear) and (hasattr(module, "is_residual_output") or _FOUNDING.fullmatch(name)):
            module.weight.mul_(depth)


def _no_branches(subject: Subject) -> Message | None:
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
    apply=lambda setup: setup.at_start.append(_scale_branches),
    from_start=True,
    misfit=_no_branches,
)


# smaller-initialisation: all matrices half as large at the start; for any model. Gains and biases stay.

SMALLER = 0.5


@torch.no_grad()
def _halve_matrices(replica: Replica) -> None:
    for parameter in replica.model.parameters():
        if parameter.dim() > 1:
            parameter.mul_(SMALLER)


def _no_matrices(subject: Subject) -> Message | None:
    return None if anatomy(subject).has_matrices else message("misfit-no_matrices")


SMALLER_INITIALISATION = Intervention(
    name="smaller-initialisation",
    kind="start",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=-1,
    apply=lambda setup: setup.at_start.append(_halve_matrices),
    from_start=True,
    misfit=_no_matrices,
)


# embedding-scale: an embedding that is much too large or too small at the start, at 1 / root of its width in root mean
# square. torch draws an embedding from N(0, 1), 8 to 60 times that; one too small has a large gradient before a norm.
#
# Takase et al. 2023, "Spike No More": the norm of the embedding is one of two conditions for a training without spikes.

_USUAL = 3.0  # times too large or too small: less is no matter of scale


@torch.no_grad()
def _scale_embeddings(replica: Replica) -> None:
    for module in embeddings(replica.model).values():
        if (scale := embedding_scale(module.weight)) > 0:
            module.weight.div_(scale)


def _usual_scale(subject: Subject) -> Message | None:
    scales = anatomy(subject).embedding_scale
    if not scales:
        return message("misfit-no_embedding")
    unusual = any(scale > 0 and not 1 / _USUAL <= scale <= _USUAL for scale in scales)
    return None if unusual else message("misfit-usual_embedding")


EMBEDDING_SCALE = Intervention(
    name="embedding-scale",
    kind="start",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=0,
    apply=lambda setup: setup.at_start.append(_scale_embeddings),
    from_start=True,
    misfit=_usual_scale,
)
