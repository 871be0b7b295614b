"""The learning rate, halved; the founding document's remedy (section 6)."""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup

FACTOR = 0.5


def scaled_rate(setup: Setup, factor: float) -> None:
    """Multiply the learning rate by a factor from the start of the replay on."""
    setup.attach.append(lambda replica: _scale(replica, factor))


def _scale(replica: Replica, factor: float) -> None:
    own = replica.rate
    if own is None:
        fixed = [group["lr"] for group in replica.optimizer.param_groups]
        for group, rate in zip(replica.optimizer.param_groups, fixed, strict=True):
            group["lr"] = rate * factor
    else:
        replica.rate = lambda step: factor * own(step)


HALF_LEARNING_RATE = Intervention(
    name="half-learning-rate",
    kind="optimizer",
    causes=("learning-rate", "no-warm-up"),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: scaled_rate(setup, FACTOR),
    plant=lambda setup: scaled_rate(setup, 1 / FACTOR),
    slowness=2.0,
)
