"""What interventions do to an optimizer, whatever it is: read, change, exchange."""

from newllm.replay.interventions.optimizers.exchange import exchange_for_adamw, exchange_for_sgd
from newllm.replay.interventions.optimizers.moments import longer_memory, reset_moments, set_beta2
from newllm.replay.interventions.optimizers.planned import Planned, no_second_moment, planned
from newllm.replay.interventions.optimizers.rate import follow_rate, ramp
from newllm.replay.interventions.optimizers.update_clip import clip_updates

__all__ = [
    "Planned",
    "clip_updates",
    "exchange_for_adamw",
    "exchange_for_sgd",
    "follow_rate",
    "longer_memory",
    "no_second_moment",
    "planned",
    "ramp",
    "reset_moments",
    "set_beta2",
]
