"""Layers in plain lists and dictionaries of a model that get gradients, though no optimizer was given them.

Who hides a layer there on purpose, as a teacher, computes no gradient for it.
"""

from torch import Tensor, nn

from newllm.model.plain_containers import in_plain_containers
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.pending import Row


class UnregisteredWatch:
    """Looks whether such layers get gradients.

    Args:
        layout: the model's.
        optimizers: what they were given is known to them, however it is kept.
    """

    def __init__(self, layout: Layout, optimizers: Optimizers) -> None:
        self._layout, self._optimizers = layout, optimizers
        self._found: dict[str, list[Tensor]] | None = None

    def after(self, row: Row) -> None:
        """Record each that has a gradient, after a sampled update."""
        if self._found is None:
            self._found = self._hidden()
        for name, weights in self._found.items():
            if any(each.grad is not None for each in weights):
                row.put(f"unregistered/{name}", 1.0)

    def _hidden(self) -> dict[str, list[Tensor]]:
        known = {id(each) for each in self._layout.inner.parameters()}
        known |= self._optimizers.held()
        found = {}
        for place, one in in_plain_containers(self._layout.inner):
            weights = list(one.parameters()) if isinstance(one, nn.Module) else [one] if _is_leaf(one) else []
            if unknown := [each for each in weights if id(each) not in known]:
                found[place] = unknown
        return found


def _is_leaf(tensor: Tensor) -> bool:
    """Whether a tensor may have a gradient of its own: of one that was computed torch warns when it is asked."""
    return tensor.is_leaf and tensor.requires_grad
