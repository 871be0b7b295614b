"""What one replay is, before it is built. An intervention changes one thing in it."""

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from newllm.chance import numpy_stream
from newllm.training.config import RunConfig

if TYPE_CHECKING:
    from newllm.replays.replica.replica import Replica

EXCHANGED = 8  # batches that may exchange places: a spike stays about where it was

Fetch = Callable[[int], Any]
"""From the number of a batch, counted from 0, to the batch."""


_LEAD, _LEAST_LEAD, _MOST_LEAD = 0.2, 8, 100


def lead(onset: int) -> int:
    """Return how many steps before the onset a late replay begins: a fifth of the way, 8 to 100."""
    return min(onset, _MOST_LEAD, max(_LEAST_LEAD, int(_LEAD * onset)))


@dataclass
class Setup:
    """One replay before it is built.

    Attributes:
        start: updates that are done already; 0 begins at the initialisation.
        seed: of every stream of chance from `start` on, and of the initialisation where `start` is 0.
        onset: the step (updates done) at which the original run left its trend.
        last_suspect: the last step whose batch may have had a part in it.
        per_update: batches that make one update.
        config: of a run of ours; None for anyone's training.
        batch_changes: what is done to the batches, in order: each takes a fetch and returns another.
        order: of a run of ours, the seed of the order of its batches; None takes `seed`.
        exchange: seed by which batches exchange places with near ones; None leaves them where they are.
        suspect: batches of the original's window; a cause that is injected elsewhere may read them there.
        suspect_onset: the first batch of the update that leads to the original's onset.
        suspect_settings: that the training's own code had changed by then (`replica.settings`), by place.
        at_start: called in order with the replica when it is built and its state put back, before its first update.
        before_restore: likewise, but before its state is put back: what the original was given on its way to `start`.
        at_step: called before the update of a step, by the step: what the original was given after `start`.
    """

    start: int
    seed: int
    onset: int
    last_suspect: int
    per_update: int = 1
    config: RunConfig | None = None
    batch_changes: list[Callable[[Fetch], Fetch]] = field(default_factory=list)
    order: int | None = None
    exchange: int | None = None
    suspect: range = range(0)
    suspect_onset: int = 0
    suspect_settings: Mapping[str, float] = field(default_factory=dict)
    at_start: list[Callable[["Replica"], None]] = field(default_factory=list)
    before_restore: list[Callable[["Replica"], None]] = field(default_factory=list)
    at_step: dict[int, list[Callable[["Replica"], None]]] = field(default_factory=dict)

    @property
    def window(self) -> range:
        """The suspect batches: from where a late replay begins to that of the last suspect step.

        The loss of a step is that of its own batch, before the update: step n reads batch n - 1.
        """
        first = max(self.start, self.onset - lead(self.onset))
        return range(first * self.per_update, max(first + 1, self.last_suspect) * self.per_update)

    def fetch(self, own: Fetch, seen: list[int]) -> Fetch:
        """Return the fetch of the batches with all that is done to them; each batch leaves its number in `seen`."""
        for change in self.batch_changes:
            own = change(own)

        def fetch(index: int) -> Any:
            batch = own(self._exchanged(index))
            seen.append(digest(batch))
            return batch

        return fetch

    def _exchanged(self, index: int) -> int:
        """Return which batch of the original comes at an index."""
        first = self.start * self.per_update
        if self.exchange is None or index < first:
            return index
        block, within = divmod(index - first, EXCHANGED)
        order = numpy_stream(self.exchange, "exchange", block).permutation(EXCHANGED)
        return first + block * EXCHANGED + int(order[within])


def digest(batch: Any) -> int:
    """Return a number for the content of a batch: of arrays, tensors, and what holds them."""
    return _crc(batch, 0)


def _crc(part: Any, before: int) -> int:
    if isinstance(part, Tensor):
        part = part.detach().cpu().numpy() if part.dtype != torch.bfloat16 else part.detach().cpu().float().numpy()
    if isinstance(part, np.ndarray):
        return zlib.crc32(np.ascontiguousarray(part).tobytes(), before)
    if dataclasses.is_dataclass(part):
        part = [getattr(part, one.name) for one in dataclasses.fields(part)]
    if type(part).__repr__ is object.__repr__:  # it tells where the object is, not what
        part = getattr(part, "__dict__", type(part).__name__)
    if isinstance(part, Mapping):
        part = [item for pair in part.items() for item in pair]
    if isinstance(part, list | tuple):
        for item in part:
            before = _crc(item, before)
        return before
    return zlib.crc32(repr(part).encode(), before)
