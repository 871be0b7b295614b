"""Which weights were written to between two updates, by torch's count of the writes to each tensor.

It takes about 15 microseconds of the processor for a hundred tensors, so all are looked at around every update, also
where the ledger can add up the bits of few. A write may leave a weight as it was (averaged weights that are put in for
an evaluation, and taken out again): whoever reads the signal holds the norms beside it.

Limits: what is written behind torch's back is not counted: through `.data` or numpy, and bits that flip.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import nn

from newllm.recorder.pending import Row

WRITTEN = "weights_written"


class WriteWatch:
    """Counts the tensors of each layer that something else than their optimizer wrote to.

    Args:
        owner: the layer of each parameter, by its id.
    """

    def __init__(self, owner: Mapping[int, str]) -> None:
        self._owner = owner
        self._known: WeakKeyDictionary[torch.optim.Optimizer, Counts] = WeakKeyDictionary()

    def begins(self, optimizer: torch.optim.Optimizer, row: Row) -> None:
        """Put what was written since the optimizer's last step into the row; call it before a step."""
        known = self._known.get(optimizer)
        if known is None or known.counts == (now := known.counted()):
            return
        written = [one for one, count, before in zip(known.weights, now, known.counts, strict=True) if count != before]
        for layer, count in Counter(self._owner[id(one)] for one in written).items():
            row.put(f"{WRITTEN}/{layer}", float(count))

    def ends(self, optimizer: torch.optim.Optimizer) -> None:
        """Note how often each of its weights was written to; call it after a step."""
        known, sizes = self._known.get(optimizer), [len(group["params"]) for group in optimizer.param_groups]
        if known is None or known.sizes != sizes:  # a group was added: to go through them takes longer than to count
            own = [one for group in optimizer.param_groups for one in group["params"] if id(one) in self._owner]
            weights = [one for one in own if not one.is_inference()]  # torch counts no writes to theirs
            known = self._known[optimizer] = Counts(sizes, weights)
        known.counts = known.counted()


@dataclass
class Counts:
    """How often an optimizer's weights had been written to after its last step.

    Attributes:
        sizes: of its groups.
        weights: that are watched.
        counts: of the writes to each.
    """

    sizes: list[int]
    weights: list[nn.Parameter]
    counts: list[int] = field(default_factory=list)

    def counted(self) -> list[int]:
        """Return how often each has been written to by now."""
        return [one._version for one in self.weights]
