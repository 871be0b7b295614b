"""Values that a model writes to a place to which it writes another one at once: all of them but one are lost.

`total[target] += x[source]` adds once for each place, however often it stands in `target`; `index_add_` adds them all.
Such a write is a node of the graph, which knows its indices.
"""

from typing import Any

import torch
from torch import Tensor

from newllm.recorder.graph import is_hooked, nodes
from newllm.recorder.pending import Row

_LOOKS = 3  # sampled updates
_MOST_NODES = 20_000
_WRITE = "IndexPutBackward0"


class LostWrites:
    """Looks through the graph of an output, at the first sampled updates."""

    def __init__(self) -> None:
        self._looks = 0

    def returned(self, output: Tensor, row: Row) -> None:
        """The model returned this for an update: record the largest share of values that a write of it loses."""
        if self._looks == _LOOKS or torch._C._autograd._top_saved_tensors_default_hooks(True) is not None:
            return
        self._looks += 1
        found = [
            lost for node in nodes(output, _MOST_NODES) if node.name() == _WRITE and (lost := _lost(node)) is not None
        ]
        if found:
            row.put("writes_lost", max(found))


def _lost(node: Any) -> float | None:
    """Return which share of the values a write loses; None of one that adds up, or of one value for all places."""
    if node._saved_accumulate or any(one is not None and is_hooked(one) for one in node._raw_saved_indices):
        return None
    indices = [one for one in node._saved_indices if one is not None]
    if not indices or any(one.dtype in (torch.bool, torch.uint8) for one in indices):
        return None
    together = torch.broadcast_tensors(*indices)
    value, at = node.next_functions[1]
    if value is None or not hasattr(value, "_input_metadata") or not together[0].numel():
        return None
    if not set(together[0].shape) <= set(value._input_metadata[at].shape):
        return None  # one value, for all places
    places = torch.stack([one.flatten() for one in together])
    return 1 - places.unique(dim=1).shape[1] / places.shape[1]
