"""Adam's epsilon, raised to 1e-4: in studies/founding the size of the plateau's gradients, element by element.

Where gradients are smaller an update is then in proportion to them, as with SGD, and no longer of full length.
"""

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import no_second_moment, planned
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject

VALUE = 1e-4


def _set(replica: Replica) -> None:
    for group in replica.optimizer.param_groups:
        group["eps"] = max(group["eps"], VALUE)


def _lower(replica: Replica) -> None:
    """Lower it by as many orders as it would have been raised."""
    for group in replica.optimizer.param_groups:
        group["eps"] *= min(1.0, group["eps"] / VALUE)


def _misfit(subject: Subject) -> Message | None:
    if why := no_second_moment(subject):
        return why
    lowest = min(group.get("eps", VALUE) for group in planned(subject).groups)
    return None if lowest < VALUE else message("misfit-already", setting="epsilon", value=lowest)


EPSILON = Intervention(
    name="epsilon",
    kind="optimizer",
    values={"value": VALUE},
    causes=("beta2", "learning-rate"),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.attach.append(_set),
    misfit=_misfit,
    plant=lambda setup: setup.attach.append(_lower),
    slowness=3.0,
)
