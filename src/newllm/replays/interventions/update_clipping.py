"""Updates clipped where the gradient outgrew the second moment; the optimizer stays (see `optimizers.update_clip`)."""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import clip_updates, longer_memory, no_second_moment

UPDATE_CLIPPING = Intervention(
    name="update-clipping",
    kind="optimizer",
    change="updates clipped by their root mean square",
    hypothesis="Gradients outgrew what Adam's second moment knew of them, and updates became too long.",
    price="A copy of the weights at each update, and one pass over them.",
    causes=("beta2",),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.attach.append(clip_updates),
    fits=no_second_moment,
    plant=lambda setup: setup.attach.append(longer_memory),
    slowness=1.2,
)
