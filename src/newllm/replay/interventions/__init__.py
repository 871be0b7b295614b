"""Every intervention by name, one file each. `INTERVENTIONS` is in the order in which they are listed."""

from newllm.replay.interventions.half_learning_rate import HALF_LEARNING_RATE
from newllm.replay.interventions.intervention import Intervention
from newllm.replay.interventions.replace_batches import REPLACE_BATCHES

INTERVENTIONS: dict[str, Intervention] = {
    one.name: one
    for one in (
        HALF_LEARNING_RATE,
        REPLACE_BATCHES,
    )
}

__all__ = ["INTERVENTIONS", "Intervention"]
