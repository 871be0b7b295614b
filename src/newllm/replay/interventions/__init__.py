"""Every intervention by name, one file each. `INTERVENTIONS` is in the order in which they are listed."""

from newllm.replay.interventions.adagc import ADAGC
from newllm.replay.interventions.adamw import ADAMW
from newllm.replay.interventions.beta2 import BETA2
from newllm.replay.interventions.clip_half import CLIP_HALF
from newllm.replay.interventions.clip_tenth import CLIP_TENTH
from newllm.replay.interventions.deterministic_kernels import DETERMINISTIC_KERNELS
from newllm.replay.interventions.epsilon import EPSILON
from newllm.replay.interventions.fp32 import FP32
from newllm.replay.interventions.fp64 import FP64
from newllm.replay.interventions.half_learning_rate import HALF_LEARNING_RATE
from newllm.replay.interventions.hold_learning_rate import HOLD_LEARNING_RATE
from newllm.replay.interventions.intervention import Intervention
from newllm.replay.interventions.replace_batches import REPLACE_BATCHES
from newllm.replay.interventions.reset_moments import RESET_MOMENTS
from newllm.replay.interventions.sgd import SGD
from newllm.replay.interventions.stable_adamw import STABLE_ADAMW
from newllm.replay.interventions.tenth_learning_rate import TENTH_LEARNING_RATE
from newllm.replay.interventions.update_clipping import UPDATE_CLIPPING
from newllm.replay.interventions.warm_up import WARM_UP
from newllm.replay.interventions.z_clip import Z_CLIP

INTERVENTIONS: dict[str, Intervention] = {
    one.name: one
    for one in (
        HALF_LEARNING_RATE,
        TENTH_LEARNING_RATE,
        WARM_UP,
        HOLD_LEARNING_RATE,
        BETA2,
        EPSILON,
        RESET_MOMENTS,
        UPDATE_CLIPPING,
        ADAMW,
        STABLE_ADAMW,
        SGD,
        CLIP_HALF,
        CLIP_TENTH,
        Z_CLIP,
        ADAGC,
        REPLACE_BATCHES,
        FP32,
        FP64,
        DETERMINISTIC_KERNELS,
    )
}

__all__ = ["INTERVENTIONS", "Intervention"]
