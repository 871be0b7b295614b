"""StableAdamW in the optimizer's place: AdamW that clips updates (Wortsman et al. 2023, arXiv 2304.13013)."""

from newllm.messages import Message, message
from newllm.replays.interventions.adamw import not_for_adamw
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import clip_updates, exchange_for_adamw, planned
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject


def _attach(replica: Replica) -> None:
    exchange_for_adamw(replica)
    clip_updates(replica)


def _misfit(subject: Subject) -> Message | None:
    why = not_for_adamw(subject)
    return message("misfit-same_as_update_clipping") if why and planned(subject).has_second_moment else why


STABLE_ADAMW = Intervention(
    name="stable-adamw",
    kind="optimizer",
    causes=("beta2", "optimizer"),
    aims_at="update_ratio",
    direction=0,
    apply=lambda setup: setup.attach.append(_attach),
    misfit=_misfit,
    slowness=2.0,
)
