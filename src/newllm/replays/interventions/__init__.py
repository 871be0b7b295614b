"""Every intervention by name, one file each. `INTERVENTIONS` is in the order in which they are listed."""

from newllm.replays.interventions.adagc import ADAGC
from newllm.replays.interventions.adamw import ADAMW
from newllm.replays.interventions.beta2 import BETA2
from newllm.replays.interventions.bounded_decay import BOUNDED_DECAY
from newllm.replays.interventions.clip_half import CLIP_HALF
from newllm.replays.interventions.clip_tenth import CLIP_TENTH
from newllm.replays.interventions.context_cut_off import CONTEXT_CUT_OFF
from newllm.replays.interventions.cut_gradient_through_time import CUT_GRADIENT_THROUGH_TIME
from newllm.replays.interventions.depth_scaled_residuals import DEPTH_SCALED_RESIDUALS
from newllm.replays.interventions.deterministic_kernels import DETERMINISTIC_KERNELS
from newllm.replays.interventions.dropout_off import DROPOUT_OFF
from newllm.replays.interventions.ema import EMA
from newllm.replays.interventions.epsilon import EPSILON
from newllm.replays.interventions.fp32 import FP32
from newllm.replays.interventions.fp64 import FP64
from newllm.replays.interventions.freeze_embedding import FREEZE_EMBEDDING
from newllm.replays.interventions.freeze_layer import FREEZE_LAYER
from newllm.replays.interventions.gate import GATE
from newllm.replays.interventions.half_learning_rate import HALF_LEARNING_RATE
from newllm.replays.interventions.hold_learning_rate import HOLD_LEARNING_RATE
from newllm.replays.interventions.initialisation_he import INITIALISATION_HE
from newllm.replays.interventions.initialisation_scaled import INITIALISATION_SCALED
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.known_evaluation import KNOWN_EVALUATION
from newllm.replays.interventions.norm_on_read import NORM_ON_READ
from newllm.replays.interventions.norm_on_write import NORM_ON_WRITE
from newllm.replays.interventions.other_order import OTHER_ORDER
from newllm.replays.interventions.qk_norm import QK_NORM
from newllm.replays.interventions.reorder_batches import REORDER_BATCHES
from newllm.replays.interventions.replace_batches import REPLACE_BATCHES
from newllm.replays.interventions.reset_moments import RESET_MOMENTS
from newllm.replays.interventions.residual_fnn import RESIDUAL_FNN
from newllm.replays.interventions.sgd import SGD
from newllm.replays.interventions.skip_batches import SKIP_BATCHES
from newllm.replays.interventions.smaller_initialisation import SMALLER_INITIALISATION
from newllm.replays.interventions.stable_adamw import STABLE_ADAMW
from newllm.replays.interventions.tenth_learning_rate import TENTH_LEARNING_RATE
from newllm.replays.interventions.update_clipping import UPDATE_CLIPPING
from newllm.replays.interventions.warm_up import WARM_UP
from newllm.replays.interventions.word_dropout import WORD_DROPOUT
from newllm.replays.interventions.z_clip import Z_CLIP
from newllm.replays.interventions.z_loss import Z_LOSS

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
        FREEZE_EMBEDDING,
        FREEZE_LAYER,
        QK_NORM,
        Z_LOSS,
        INITIALISATION_HE,
        INITIALISATION_SCALED,
        DEPTH_SCALED_RESIDUALS,
        SMALLER_INITIALISATION,
    )
}

__all__ = ["INTERVENTIONS", "Intervention"]
