"""Adam's second moment, made to forget 50 times faster: beta2 = 0.95, as in studies/founding."""

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import longer_memory, no_second_moment, planned, set_beta2
from newllm.replays.subject import Subject

VALUE = 0.95


def _misfit(subject: Subject) -> Message | None:
    if why := no_second_moment(subject):
        return why
    highest = max(group["betas"][1] for group in planned(subject).groups)
    return None if highest > VALUE else message("misfit-already", setting="beta2", value=highest)


BETA2 = Intervention(
    name="beta2",
    kind="optimizer",
    values={"value": VALUE},
    causes=("beta2",),
    aims_at="second_moment_mismatch",
    direction=0,  # nearer to 1: down where gradients grow, up where they shrink
    apply=lambda setup: setup.attach.append(lambda replica: set_beta2(replica, VALUE)),
    misfit=_misfit,
    plant=lambda setup: setup.attach.append(longer_memory),
)
