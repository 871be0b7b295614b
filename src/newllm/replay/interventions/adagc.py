"""AdaGC in the place of the run's clipping: each tensor's gradient at its own usual norm (see `clipping.adagc`)."""

from newllm.replay.interventions.clip_half import CAUSES, unclipped
from newllm.replay.interventions.clipping import AdaGC, updates_to_learn_from
from newllm.replay.interventions.clipping.adagc import WARM_UP
from newllm.replay.interventions.intervention import Intervention
from newllm.replay.replica import Replica
from newllm.replay.setup import Setup


def _apply(setup: Setup) -> None:
    def attach(replica: Replica) -> None:
        replica.clip = AdaGC(replica.clip, updates_to_learn_from(setup, WARM_UP))

    setup.attach.append(attach)


ADAGC = Intervention(
    name="adagc",
    kind="optimizer",
    change="each tensor's gradient clipped at its own usual norm (AdaGC)",
    hypothesis="The gradient of one layer was much larger than it usually is.",
    price="One number a tensor to keep; gradients may grow by no more than a twentieth at once.",
    causes=CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=_apply,
    plant=unclipped,
    slowness=1.5,
)
