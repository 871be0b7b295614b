"""Adam's moments, thrown away at the start of the replay, and a short warm-up while they are gathered again.

From step 0 there is nothing to throw away: then nothing is changed.
"""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import follow_rate, longer_memory, no_second_moment, ramp, reset_moments
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup

_LEAST, _MOST = 5, 50  # updates


def _apply(setup: Setup) -> None:
    # Over before the window, so that there the learning rate is the run's own.
    updates = min(_MOST, max(_LEAST, (setup.onset - setup.start) // 2))

    def attach(replica: Replica) -> None:
        if not replica.optimizer.state:
            return
        reset_moments(replica)
        follow_rate(replica, ramp(setup.start, updates))

    setup.attach.append(attach)


RESET_MOMENTS = Intervention(
    name="reset-moments",
    kind="optimizer",
    causes=("beta2", "moments-lost"),
    aims_at="second_moment_mismatch",
    direction=0,  # nearer to 1: down where gradients grow, up where they shrink
    apply=_apply,
    misfit=no_second_moment,
    plant=lambda setup: setup.attach.append(longer_memory),
    slowness=1.3,
)
