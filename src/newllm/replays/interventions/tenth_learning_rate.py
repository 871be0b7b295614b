"""The learning rate, a tenth of it: a stronger dose of the founding document's remedy."""

from newllm.replays.interventions.half_learning_rate import scaled_rate
from newllm.replays.interventions.intervention import Intervention

FACTOR = 0.1

TENTH_LEARNING_RATE = Intervention(
    name="tenth-learning-rate",
    kind="optimizer",
    causes=("learning-rate", "no-warm-up"),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: scaled_rate(setup, FACTOR),
    plant=lambda setup: scaled_rate(setup, 1 / FACTOR),
    slowness=10.0,
)
