"""What interventions do to an optimizer, whatever it is: read, change, exchange."""

from newllm.replays.interventions.optimizers.exchange import exchange_for_adamw, exchange_for_sgd
from newllm.replays.interventions.optimizers.moments import longer_memory, reset_moments, set_beta2
from newllm.replays.interventions.optimizers.planned import no_second_moment, planned
from newllm.replays.interventions.optimizers.rate import follow_rate, ramp
from newllm.replays.interventions.optimizers.update_clip import clip_updates

__all__ = [
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
