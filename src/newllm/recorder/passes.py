"""Backward passes for the sake of another network, whose gradient is left in the weights.

The loss of an actor goes back through the critic to the action, that of a generator through the discriminator to the
picture: each leaves a gradient in the weights on its way. They are to be cleared before the pass of an update of these
weights. Such a pass is known by an input that another network made, and by that network's own update, which came
between the pass and the update here.
"""

import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from newllm.recorder.graph import nodes
from newllm.recorder.isolation import Protect

_MOST_NODES = 512  # of a graph that are looked at, for a parameter
_MOST_PASSES = 64  # where the gradient is never cleared


class Through(NamedTuple):
    """A backward pass that went on into another network: one of its weights, and how often that had been written."""

    weight: weakref.ref[Tensor]
    version: int


class Passes:
    """Follows the backward passes since the gradient was cleared.

    Args:
        parameters: of the model.

    Attributes:
        own: passes since the gradient was cleared, or read by an update, that each went back through a call of the
            model of their own, and into no other network. Several passes through one call take a loss apart.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._own = {id(one) for one in parameters}
        self._latest: Through | None = None
        self._running: Through | None = None
        self._since_cleared: deque[Through | None] = deque(maxlen=_MOST_PASSES)
        self._calls = 0
        self.own = 0

    def called(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """The model is called, with gradients."""
        self._calls += 1
        made = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor) and one.grad_fn is not None]
        weight = self._maker(made[0]) if made else None
        self._latest = None if weight is None else Through(weakref.ref(weight), weight._version)

    def returned(self, output: Tensor, protect: Protect) -> None:
        """The call returned this."""
        through, self._latest = self._latest, None
        if through is not None and output.requires_grad:
            output.register_hook(protect(lambda _: self._goes_through(through)))

    def _goes_through(self, through: Through) -> None:
        self._running = through

    def _maker(self, tensor: Tensor) -> Tensor | None:
        """Return a weight that an input was made with; None where it is of this model too, or where there is none."""
        found = None
        for node in nodes(tensor, _MOST_NODES):
            variable = getattr(node, "variable", None)
            if isinstance(variable, Tensor):
                if id(variable) in self._own:
                    return None
                found = variable if isinstance(variable, nn.Parameter) else found
        return found

    def ends(self, *, cleared: bool) -> None:
        """A backward pass is over, before which the gradient was cleared or not."""
        if cleared:
            self._since_cleared.clear()
            self.own = 0
        self._since_cleared.append(self._running)
        self.own += self._running is None and self._calls > 0
        self._running, self._calls = None, 0

    @property
    def of_others(self) -> bool:
        """Whether an update now reads the gradient of another network's own update beside that of its own loss."""
        of_others = [one is not None and _has_moved(one) for one in self._since_cleared]
        return any(of_others) and not all(of_others)


def _has_moved(through: Through) -> bool:
    weight = through.weight()
    return weight is not None and weight._version != through.version
