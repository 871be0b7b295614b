"""Updates clipped where the gradient outgrew the second moment; the optimizer stays (see `optimizers.update_clip`)."""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import clip_updates, longer_memory, no_second_moment

UPDATE_CLIPPING = Intervention(
    name="update-clipping",
    kind="optimizer",
    causes=("beta2",),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.attach.append(clip_updates),
    misfit=no_second_moment,
    plant=lambda setup: setup.attach.append(longer_memory),
    slowness=1.2,
)
