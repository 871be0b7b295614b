"""Every intervention by name, a folder or a file a kind ("start" is initialisation.py).

`INTERVENTIONS` is in the order in which they are listed.
"""

from newllm.replays.interventions.data import (
    KNOWN_EVALUATION,
    OTHER_ORDER,
    REORDER_BATCHES,
    REPLACE_BATCHES,
    SKIP_BATCHES,
    WORD_DROPOUT,
)
from newllm.replays.interventions.initialisation import (
    DEPTH_SCALED_RESIDUALS,
    EMBEDDING_SCALE,
    INITIALISATION_HE,
    INITIALISATION_SCALED,
    SMALLER_INITIALISATION,
)
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.model.context import (
    BOUNDED_DECAY,
    CONTEXT_CUT_OFF,
    CUT_GRADIENT_THROUGH_TIME,
    EMA,
    GATE,
    NORM_ON_READ,
    NORM_ON_WRITE,
)
from newllm.replays.interventions.model.layers import (
    DROPOUT_OFF,
    FREEZE_EMBEDDING,
    FREEZE_LAYER,
    HOLD_DROPOUT,
    QK_NORM,
    RESIDUAL_FNN,
    Z_LOSS,
)
from newllm.replays.interventions.numerics import DETERMINISTIC_KERNELS, FP32, FP64
from newllm.replays.interventions.optimizer.adam import (
    ADAMW,
    BETA2,
    EPSILON,
    RESET_MOMENTS,
    SGD,
    STABLE_ADAMW,
    UPDATE_CLIPPING,
)
from newllm.replays.interventions.optimizer.clipping import ADAGC, CLIP_HALF, CLIP_TENTH, Z_CLIP
from newllm.replays.interventions.optimizer.learning_rate import (
    HALF_LEARNING_RATE,
    HOLD_LEARNING_RATE,
    TENTH_LEARNING_RATE,
    WARM_UP,
)
from newllm.replays.interventions.optimizer.restoring import (
    HOLD_MOMENTUM,
    HOLD_OWN_RATE,
    HOLD_WEIGHT_DECAY,
    RESTORE_MOMENTS,
    RESTORE_WEIGHTS,
)

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
        RESTORE_MOMENTS,
        RESTORE_WEIGHTS,
        HOLD_OWN_RATE,
        HOLD_WEIGHT_DECAY,
        HOLD_MOMENTUM,
        UPDATE_CLIPPING,
        ADAMW,
        STABLE_ADAMW,
        SGD,
        CLIP_HALF,
        CLIP_TENTH,
        Z_CLIP,
        ADAGC,
        SKIP_BATCHES,
        REPLACE_BATCHES,
        REORDER_BATCHES,
        OTHER_ORDER,
        KNOWN_EVALUATION,
        WORD_DROPOUT,
        FP32,
        FP64,
        DETERMINISTIC_KERNELS,
        CONTEXT_CUT_OFF,
        NORM_ON_WRITE,
        NORM_ON_READ,
        BOUNDED_DECAY,
        GATE,
        EMA,
        CUT_GRADIENT_THROUGH_TIME,
        RESIDUAL_FNN,
        DROPOUT_OFF,
        HOLD_DROPOUT,
        FREEZE_EMBEDDING,
        FREEZE_LAYER,
        QK_NORM,
        Z_LOSS,
        INITIALISATION_HE,
        INITIALISATION_SCALED,
        DEPTH_SCALED_RESIDUALS,
        SMALLER_INITIALISATION,
        EMBEDDING_SCALE,
    )
}

__all__ = ["INTERVENTIONS", "Intervention"]
