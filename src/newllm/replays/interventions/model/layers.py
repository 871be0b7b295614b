"""Interventions on a model beside its context."""

import functools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.data import IGNORED
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.model.bodies.founding_transformer import FoundingTransformer
from newllm.recorder import gradient_norms
from newllm.recorder.layers import layers
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.model.anatomy import anatomy, dropouts, embeddings
from newllm.replays.interventions.model.own_model import already, change_model, model_of
from newllm.replays.interventions.settings import held
from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject

# residual-fnn: residual connections and norms in the cell's FNN (model.fnn=residual): what removed the founding spikes
# in our study.
#
# The founding document's FNN is layer upon layer without either: at its initialisation the signal all but dies on its
# way, and while it learns to get through it grows by each layer's factor.


def _no_residual_fnn(subject: Subject) -> Message | None:
    model = model_of(subject)
    if model is None or model.body != "cell":
        return message("misfit-not_a_cell")
    if model.fnn == "residual":
        return already("model.fnn", "residual", model.fnn)
    return None if model.layers > 1 else message("misfit-no_branch")


RESIDUAL_FNN = Intervention(
    name="residual-fnn",
    kind="model",
    causes=("plain-depth",),
    aims_at="activation_rms",
    direction=0,  # the signal neither dies nor explodes: more before a spike, less in it
    apply=lambda setup: change_model(setup, fnn="residual"),
    from_start=True,
    misfit=_no_residual_fnn,
    inject=lambda setup: change_model(setup, fnn="plain"),
    # Healthy, and not this run: the context has the LSTM's gates, so that no additive context can be to blame.
    stable=lambda setup: change_model(setup, fnn="residual", rule="lstm"),
)


# dropout-off: dropout off, for any model. In evaluation mode the function is the same.

_HIGHEST_DROPOUT = 0.9


def _times_dropout(setup: Setup, factor: float) -> None:
    if setup.config is not None:
        change_model(setup, dropout=min(_HIGHEST_DROPOUT, factor * setup.config.model.dropout))
    else:
        setup.at_start.append(lambda replica: _times_dropout_in_modules(replica, factor))


def _times_dropout_in_modules(replica: Replica, factor: float) -> None:
    for module, name in dropouts(replica.model):
        _multiply_while_called(module, name, factor)


def _multiply_while_called(module: nn.Module, name: str, factor: float) -> None:
    """Multiply an attribute for each call alone: the training's own code may set it between two."""
    own: list[float] = []

    def before(*_: object) -> None:
        own.append(getattr(module, name))
        setattr(module, name, min(_HIGHEST_DROPOUT, factor * own[-1]))

    def after(*_: object) -> None:
        setattr(module, name, own.pop())

    module.register_forward_pre_hook(before)
    module.register_forward_hook(after, always_call=True)


def _no_dropout(subject: Subject) -> Message | None:
    return None if anatomy(subject).has_dropout else message("misfit-no_dropout")


DROPOUT_OFF = Intervention(
    name="dropout-off",
    kind="model",
    causes=("dropout",),
    aims_at="dropout",  # no signal measures it
    direction=-1,
    apply=lambda setup: _times_dropout(setup, 0.0),
    misfit=_no_dropout,
    inject=lambda setup: _times_dropout(setup, 2.0),
)

HOLD_DROPOUT = held("hold-dropout", "model", "dropout", "dropout")


# freeze-embedding: the embedding, frozen.
#
# GLM-130B (Zeng et al. 2022, section 3) found its spikes led by the embedding's gradient, and shrank that to a tenth.
# Adam divides such a factor out again; nothing is what it cannot.


def _freeze_embeddings(replica: Replica) -> None:
    for module in embeddings(replica.model).values():
        module.weight.requires_grad_(False)


def _no_embedding(subject: Subject) -> Message | None:
    return None if anatomy(subject).embeddings else message("misfit-no_embedding")


FREEZE_EMBEDDING = Intervention(
    name="freeze-embedding",
    kind="model",
    causes=("exploding-embedding",),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.at_start.append(_freeze_embeddings),
    misfit=_no_embedding,
    slowness=1.5,
)


# freeze-layer: the layer whose gradient grows most before the onset, frozen.
#
# Which one it is, is measured in the replay itself, over the first half of the way to the onset: the median of its
# last gradient norms by that of its first. So it needs no record of the original, and the layer has half of the way
# without it. Layers are modules with parameters of their own (`newllm.recorder.layers`).

_POINTS = 3  # updates at either end whose median counts


def fastest(norms: Sequence[dict[str, float]]) -> str:
    """Return the layer whose gradient norm grew most.

    Args:
        norms: of each layer, at two updates or more.

    Raises:
        UserError: no layer had a gradient at the start.
    """
    points = min(_POINTS, len(norms) // 2)
    growth = {}
    for name in norms[0]:
        first, last = (_median(part, name) for part in (norms[:points], norms[-points:]))
        if first > 0 and math.isfinite(last / first):
            growth[name] = last / first
    if not growth:
        raise UserError("no layer had a gradient at the start of the replay: there is none to freeze")
    return max(growth, key=lambda name: growth[name])


def _median(norms: Sequence[dict[str, float]], name: str) -> float:
    return float(np.median([one.get(name, math.nan) for one in norms]))


def _freeze_fastest(replica: Replica, setup: Setup) -> None:
    updates = max(2, (setup.onset - setup.start) // 2)
    norms: list[dict[str, float]] = []
    own = replica.clip

    def clip(parameters: Iterable[nn.Parameter]) -> float:
        if len(norms) < updates:
            norms.append(gradient_norms(replica.model))
            if len(norms) == updates:
                for parameter in layers(replica.model)[fastest(norms)]:
                    parameter.requires_grad_(False)
                    parameter.grad = None
        return own(parameters)

    replica.clip = clip


def _single_layer(subject: Subject) -> Message | None:
    return None if len(anatomy(subject).layers) > 1 else message("misfit-single_layer")


FREEZE_LAYER = Intervention(
    name="freeze-layer",
    kind="model",
    causes=("runaway-layer",),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.at_start.append(lambda replica: _freeze_fastest(replica, setup)),
    misfit=_single_layer,
    slowness=1.5,
)


# qk-norm: QK-norm: queries and keys of the founding Transformer at root mean square 1 in every head, before they meet.
#
# Henry et al. 2020, "Query-Key Normalization for Transformers"; Dehghani et al. 2023 (ViT-22B) for stability. Without
# the trained gain of a module that would be built in: a logit is at most the root of the head's width. Our body
# attention has the norm already. torch's own nn.MultiheadAttention projects and attends in one call, and leaves no
# place between.


def _normalise_queries_and_keys(replica: Replica) -> None:
    body = replica.model.body
    assert isinstance(body, FoundingTransformer), "the intervention fits the founding Transformer only"
    for name, module in body.named_modules():
        if name.endswith(".query_key_value"):
            module.register_forward_hook(functools.partial(_at_unit_norm, heads=body.heads))


def _at_unit_norm(module: nn.Module, inputs: object, output: Tensor, *, heads: int) -> Tensor:  # noqa: ARG001
    query, key, value = output.chunk(3, dim=-1)
    per_head = (x.unflatten(-1, (heads, -1)) for x in (query, key))
    return torch.cat([*(F.rms_norm(x, x.shape[-1:]).flatten(-2) for x in per_head), value], dim=-1)


def _no_attention_to_norm(subject: Subject) -> Message | None:
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
    apply=lambda setup: setup.at_start.append(_normalise_queries_and_keys),
    from_start=True,
    misfit=_no_attention_to_norm,
)


# z-loss: the z-loss: 1e-4 times the square of each log-partition, as in PaLM (Chowdhery et al. 2022, section 5).

Z_LOSS_COEFFICIENT = 1e-4


def z_loss(logits_BTV: Tensor, targets_BT: Tensor) -> Tensor:
    """Return the z-loss summed over all targets, nats."""
    partition_BT = torch.logsumexp(logits_BTV.float(), dim=-1)
    return Z_LOSS_COEFFICIENT * partition_BT[targets_BT != IGNORED].square().sum()


def _add_z_loss(replica: Replica) -> None:
    assert isinstance(replica, OwnReplica), "the intervention fits runs of ours only"
    replica.stepper.terms.append(z_loss)


def _no_logits(subject: Subject) -> Message | None:
    return None if subject.is_ours else message("misfit-whose_logits")


Z_LOSS = Intervention(
    name="z-loss",
    kind="model",
    causes=("output-logit-divergence",),
    aims_at="activation_rms",
    direction=-1,
    apply=lambda setup: setup.at_start.append(_add_z_loss),
    misfit=_no_logits,
)
