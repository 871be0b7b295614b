"""Copies of a sharded model (HSDP): the first S ranks hold one, a part each, the next S ranks another, and so on.

Parts are gathered within a copy, so between the ranks of one machine. Between the copies only sums of gradients travel:
a rank is sent its piece of the gradients of its copy's ranks, adds them to what the rank before it in the copy before
has added up, and hands that on; the last copy's sum goes to all. So the numbers of all ranks are added in the order of
ranks, as everywhere (`world`), and what leaves a machine is one sum of each piece, not every rank's own numbers.

A sum goes from copy to copy in chunks: while one adds a chunk, the one before adds the next.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from newllm.training.connections import watched

_CHUNK = 1 << 20  # numbers: large beside what a message costs


class Replicas:
    """This process among the copies of a model; all ranks make it together.

    Args:
        size: ranks that hold a copy together; a divisor of how many there are. All of them: there is one copy.
        seconds: that a rank waits for the others to be connected.

    Attributes:
        own: the ranks that hold this process's copy.
        alike: those that hold what this process holds, one of each copy; None where there is one copy.
        is_first: whether this process's copy is the first.
        own_norms: of the gradients that this process has handed to be added up since they were last looked at.
    """

    def __init__(self, size: int, seconds: float) -> None:
        ranks = dist.get_world_size()
        self.is_first = dist.get_rank() < size
        self.own_norms: list[Tensor] = []
        self.alike: dist.ProcessGroup | None = None
        if size == ranks:
            assert dist.group.WORLD is not None, "the ranks are connected"
            self.own = dist.group.WORLD
        else:
            with watched():
                self.own = _group([range(first, first + size) for first in range(0, ranks, size)], seconds)
                self.alike = _group([range(first, ranks, size) for first in range(size)], seconds)

    def groups(self) -> Iterator[dist.ProcessGroup]:
        """Yield the groups in which this process exchanges something."""
        yield self.own
        if self.alike is not None:
            yield self.alike

    def added_piece(self, flat: Tensor) -> Tensor:
        """Return this rank's piece of the sum of everybody's numbers, added in the order of ranks.

        Args:
            flat: numbers, of which each rank of a copy gets as many.
        """
        pieces_SC = exchanged_pieces(flat, self.own)
        if self.alike is None:
            return added(pieces_SC)
        copy, last = self.alike.rank(), self.alike.size() - 1
        total_C = torch.empty_like(pieces_SC[0]) if copy else pieces_SC[0]
        more_SC, sent = pieces_SC if copy else pieces_SC[1:], []
        for chunk, *pieces in zip(total_C.split(_CHUNK), *(one.split(_CHUNK) for one in more_SC), strict=True):
            if copy:
                dist.recv(chunk, group=self.alike, group_src=copy - 1)
            for piece in pieces:
                chunk += piece
            if copy < last:
                sent.append(dist.isend(chunk, group=self.alike, group_dst=copy + 1))
        for one in sent:
            one.wait()
        dist.broadcast(total_C, group=self.alike, group_src=last)
        return total_C


def _group(groups: Sequence[Sequence[int]], seconds: float) -> dist.ProcessGroup:
    """Connect the ranks of each group, and return this process's."""
    own, _ = dist.new_subgroups_by_enumeration([list(one) for one in groups], timedelta(seconds=seconds))
    assert isinstance(own, dist.ProcessGroup), "each rank is in one of them"
    dist.barrier(own)  # now all are connected
    return own


def exchanged_pieces(flat: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    """Return every rank's numbers of this rank's piece, a row each.

    Args:
        flat: numbers, of which each rank gets as many.
        group: the ranks; None for all.
    """
    pieces = torch.empty_like(flat)
    dist.all_to_all_single(pieces, flat, group=group)
    return pieces.view(dist.get_world_size(group), -1)


def added(pieces_SC: Tensor) -> Tensor:
    """Return the sum of the rows, in their order; written over the first."""
    first, *others = pieces_SC.unbind()
    for other in others:
        first += other
    return first
