"""The z-loss: 1e-4 times the square of each log-partition, as in PaLM (Chowdhery et al. 2022, section 5)."""

import torch
from torch import Tensor

from newllm.data import IGNORED
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.own_run import OwnReplica
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject

COEFFICIENT = 1e-4


def z_loss(logits_BTV: Tensor, targets_BT: Tensor) -> Tensor:
    """Return the z-loss summed over all targets, nats."""
    partition_BT = torch.logsumexp(logits_BTV.float(), dim=-1)
    return COEFFICIENT * partition_BT[targets_BT != IGNORED].square().sum()


def _add(replica: Replica) -> None:
    assert isinstance(replica, OwnReplica), "the intervention fits runs of ours only"
    replica.stepper.terms.append(z_loss)


def _misfit(subject: Subject) -> Message | None:
    return None if subject.is_ours else message("misfit-whose_logits")


Z_LOSS = Intervention(
    name="z-loss",
    kind="model",
    causes=("output-logit-divergence",),
    aims_at="activation_rms",
    direction=-1,
    apply=lambda setup: setup.attach.append(_add),
    misfit=_misfit,
)
