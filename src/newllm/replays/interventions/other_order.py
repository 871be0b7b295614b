"""All batches from the start of the replay on, in another order."""

from newllm.chance import numpy_stream, stream_seed
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.reorder_batches import no_other_order
from newllm.replays.setup import Fetch, Setup

_HORIZON = 1024  # batches of anyone's training that change places


def _apply(setup: Setup) -> None:
    if setup.config is not None:
        setup.order = stream_seed(setup.seed, "other-order") % 2**31
    else:
        setup.batches.append(lambda own: _permuted(own, setup))


def _permuted(own: Fetch, setup: Setup) -> Fetch:
    first = setup.start * setup.per_update

    def fetch(index: int) -> object:
        if index < first:
            return own(index)
        block, place = divmod(index - first, _HORIZON)
        order = numpy_stream(setup.seed, "other-order", block).permutation(_HORIZON)
        return own(first + block * _HORIZON + int(order[place]))

    return fetch


OTHER_ORDER = Intervention(
    name="other-order",
    kind="data",
    causes=("data-order",),
    aims_at="batches",
    direction=0,
    apply=_apply,
    misfit=no_other_order,
)
