"""Layers that are frozen when a recording begins and trained later: at which step that was."""

from newllm.recorder.layout import Layout
from newllm.recorder.pending import Row


class UnfrozenWatch:
    """Looks whether a layer that asked for no gradient asks for one.

    A layer is frozen where all of its parameters are: of one that is trained in part nothing is said.

    Args:
        layout: the model's, as it is when the recording begins.
    """

    def __init__(self, layout: Layout) -> None:
        each = layout.layers.items()
        self._frozen = {name: own for name, own in each if own and not any(one.requires_grad for one in own)}

    def put(self, row: Row) -> None:
        """Record each that was unfrozen within the step."""
        for name in [name for name, own in self._frozen.items() if any(one.requires_grad for one in own)]:
            del self._frozen[name]
            row.put(f"unfrozen/{name}", 1.0)
