"""How many updates an adaptive clipping may learn its norms from before it has to act."""

from newllm.replays.setup import Setup

_EVE = 3  # updates before the onset: what shows there began no later
_LEAST = 5  # norms: with fewer there is no variance to speak of


def updates_to_learn_from(setup: Setup, most: int) -> int:
    """Return the updates from the start to the eve of the onset, at most `most` (the paper's), at least 5.

    A replay from a late snapshot begins 8 to 100 updates before the onset: a clipping that still learns its norms
    when the onset comes has been tried on nothing.
    """
    return max(_LEAST, min(most, setup.onset - _EVE - setup.start))
