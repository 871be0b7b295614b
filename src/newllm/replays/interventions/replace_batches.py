"""The batches of the window, replaced by batches that come much later."""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.setup import Fetch, Setup

_LATER = 10_000  # batches: far past the window


def _replace(setup: Setup) -> None:
    window = setup.window

    def change(own: Fetch) -> Fetch:
        return lambda index: own(index + _LATER if index in window else index)

    setup.batches.append(change)


def read_suspects(setup: Setup) -> None:
    """Read the batches of the original's window in place of those of this window, both ending together.

    Where this window is longer they repeat, where it is shorter the first ones are left out: a spike's own batches are
    the last.
    """
    window, suspect = setup.window, setup.suspect
    if not suspect:
        raise ValueError("the setup names no suspect batches to plant")

    def change(own: Fetch) -> Fetch:
        return lambda index: own(suspect[(index - window.stop) % len(suspect)] if index in window else index)

    setup.batches.append(change)


REPLACE_BATCHES = Intervention(
    name="replace-batches",
    kind="data",
    causes=("corrupted-batch", "label-noise", "repeated-text"),
    aims_at="batches",
    direction=0,
    apply=_replace,
    plant=read_suspects,
)
