"""SGD with momentum in Adam's place: no second moment.

A run of ours gets the learning rate 0.3 at the top of its schedule, which studies/founding found to learn; anyone's
training gets a rate at which updates are about as long as Adam's (see `optimizers.exchange`).
"""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import exchange_for_sgd, no_second_moment
from newllm.replays.setup import Setup

RATE = 0.3


def _apply(setup: Setup) -> None:
    factor = None if setup.config is None else RATE / setup.config.optimizer.learning_rate
    setup.attach.append(lambda replica: exchange_for_sgd(replica, factor))


SGD = Intervention(
    name="sgd",
    kind="optimizer",
    causes=("beta2",),
    aims_at="update_ratio",
    direction=0,
    apply=_apply,
    misfit=no_second_moment,
    slowness=4.0,
)
