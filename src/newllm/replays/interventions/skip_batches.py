"""The batches of the window, passed over: training goes on with those after it, as PaLM's did.

Chowdhery et al. 2022, "PaLM", section 5.1: restarted before the spike, with some 200 to 500 batches skipped.
"""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.replace_batches import read_suspects
from newllm.replays.setup import Fetch, Setup


def _skip(setup: Setup) -> None:
    window = setup.window

    def change(own: Fetch) -> Fetch:
        return lambda index: own(index + len(window) if index >= window.start else index)

    setup.batches.append(change)


SKIP_BATCHES = Intervention(
    name="skip-batches",
    kind="data",
    causes=("corrupted-batch", "label-noise", "repeated-text"),
    aims_at="batches",
    direction=0,
    apply=_skip,
    plant=read_suspects,
)
