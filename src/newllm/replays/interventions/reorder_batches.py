"""The batches of the window and those soon after it, in another order.

Null replays already exchange a batch with near ones (`setup.EXCHANGED`): this must reach further to be a change.
"""

from newllm.chance import numpy_stream
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.own_run import OwnRun
from newllm.replays.setup import EXCHANGED, Fetch, Setup
from newllm.replays.subject import Subject

_LEAST = 4 * EXCHANGED  # batches that change places


def _reorder(setup: Setup) -> None:
    window = setup.window
    count = max(len(window), _LEAST)
    order = numpy_stream(setup.seed, "reorder-batches").permutation(count)

    def change(own: Fetch) -> Fetch:
        def fetch(index: int) -> object:
            place = index - window.start
            return own(window.start + int(order[place]) if 0 <= place < count else index)

        return fetch

    setup.batches.append(change)


def no_other_order(subject: Subject) -> Message | None:
    """Return why a subject's batches cannot come in another order, None where they can."""
    carried = isinstance(subject, OwnRun) and subject.config.data.carry
    return message("misfit-carried") if carried else None


REORDER_BATCHES = Intervention(
    name="reorder-batches",
    kind="data",
    causes=("data-order",),
    aims_at="batches",
    direction=0,
    apply=_reorder,
    misfit=no_other_order,
)
