"""AdamW in the optimizer's place: weight decay beside the gradient (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

import torch

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import exchange_for_adamw, planned
from newllm.replays.subject import Subject


def not_for_adamw(subject: Subject) -> Message | None:
    """Return why AdamW would be no change, or cannot be put in the optimizer's place; None where it can."""
    plan = planned(subject)
    if plan.is_sgd:
        return None
    if issubclass(plan.kind, torch.optim.AdamW):
        return message("misfit-adamw_already")
    if not issubclass(plan.kind, torch.optim.Adam):
        return message("misfit-neither_adam_nor_sgd", optimizer=plan.name)
    return None if plan.has_decay else message("misfit-no_decay")


ADAMW = Intervention(
    name="adamw",
    kind="optimizer",
    causes=("optimizer",),
    aims_at="update_ratio",
    direction=0,
    apply=lambda setup: setup.attach.append(exchange_for_adamw),
    misfit=not_for_adamw,
    slowness=2.0,
)
