"""All matrices half as large at the start; for any model. Gains and biases stay."""

import torch

from newllm.messages import Message, message
from newllm.replays.interventions.anatomy import anatomy
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject

FACTOR = 0.5


@torch.no_grad()
def _halve(replica: Replica) -> None:
    for parameter in replica.model.parameters():
        if parameter.dim() > 1:
            parameter.mul_(FACTOR)


def _misfit(subject: Subject) -> Message | None:
    return None if anatomy(subject).has_matrices else message("misfit-no_matrices")


SMALLER_INITIALISATION = Intervention(
    name="smaller-initialisation",
    kind="start",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=-1,
    apply=lambda setup: setup.attach.append(_halve),
    from_start=True,
    misfit=_misfit,
)
