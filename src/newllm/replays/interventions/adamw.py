"""AdamW in the optimizer's place: weight decay beside the gradient (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

import torch

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import exchange_for_adamw, planned
from newllm.replays.subject import Subject


def not_for_adamw(subject: Subject) -> str:
    """Return why AdamW would be no change, or cannot be put in the optimizer's place; "" where it can."""
    plan = planned(subject)
    if plan.is_sgd:
        return ""
    if issubclass(plan.kind, torch.optim.AdamW):
        return "the optimizer is AdamW already"
    if not issubclass(plan.kind, torch.optim.Adam):
        return f"{plan.name} is neither Adam nor SGD: how its learning rate compares is not known"
    return "" if plan.has_decay else "without weight decay Adam and AdamW are the same"


ADAMW = Intervention(
    name="adamw",
    kind="optimizer",
    change="AdamW in the optimizer's place",
    hypothesis="How the optimizer scales its updates, or decays its weights, brought it about.",
    price="Two moments a weight; the learning rate may have to be found anew.",
    causes=("optimizer",),
    aims_at="update_ratio",
    direction=0,
    apply=lambda setup: setup.attach.append(exchange_for_adamw),
    fits=not_for_adamw,
    slowness=2.0,
)
