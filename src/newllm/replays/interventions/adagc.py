"""AdaGC in the place of the run's clipping: each tensor's gradient at its own usual norm (see `clipping.adagc`)."""

from newllm.replays.interventions.clip_half import CAUSES, unclipped
from newllm.replays.interventions.clipping import AdaGC, updates_to_learn_from
from newllm.replays.interventions.clipping.adagc import WARM_UP
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup


def _apply(setup: Setup) -> None:
    def attach(replica: Replica) -> None:
        replica.clip = AdaGC(replica.clip, updates_to_learn_from(setup, WARM_UP))

    setup.attach.append(attach)


ADAGC = Intervention(
    name="adagc",
    kind="optimizer",
    causes=CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=_apply,
    plant=unclipped,
    slowness=1.5,
)
