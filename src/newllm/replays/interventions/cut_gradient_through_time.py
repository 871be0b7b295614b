"""The gradient through time, cut: it goes back to the update that made the context that is read, and no further.

Truncated backpropagation (Williams and Peng 1990) over one update. Nothing at all through time would be another
change: a cell's rule would have no gradient whatever. The function stays, so that any snapshot will do.
"""

from newllm.model.bodies.cell import Cell
from newllm.model.bodies.stack import ContextMixer
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import no_context
from newllm.replays.replica import Replica


def _cut(replica: Replica) -> None:
    for module in replica.model.modules():
        if isinstance(module, Cell | ContextMixer):
            module.through_time = False


CUT_GRADIENT_THROUGH_TIME = Intervention(
    name="cut-gradient-through-time",
    kind="model",
    causes=("gradient-through-time", "unbounded-recurrence"),
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=lambda setup: setup.attach.append(_cut),
    misfit=no_context,
    slowness=1.5,
)
