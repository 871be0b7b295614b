"""Several processes that train one run together, each a part of every batch: plain `torch.distributed`.

`torchrun --nproc-per-node N -m newllm train ...` starts them. Every process holds the whole model, or its part of one
that is too large for that (`sharding`). After its backward pass the gradients are added up in the order of ranks, so
that one process that computes the parts in turn comes to the same bits (`newllm.training.world`). With two processes
any sum is in that order. With more each rank is given one piece of everybody's gradients, adds them, and hands the sum
round: what a ring of `all_reduce` sends, in an order of ours. That is why no wrapper such as DistributedDataParallel is
used: the sums of a bucket depend on where it begins.

Small numbers and decisions go over gloo, on the CPU; gradients of CUDA devices over NCCL.

Limits: gradients are sent when the backward pass is done, not while it runs, but for those of a sharded model.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.launcher import machine_name
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel
from newllm.training.meetings import Meetings
from newllm.training.peers import Unlike
from newllm.training.replicas import Replicas, added, exchanged_pieces
from newllm.training.sharding import is_sharded, own_part, shard
from newllm.training.world import LostError, World

_BUCKET = 1 << 24  # numbers that are sent at once: what is held beside the gradients
_ANSWERS = 10.0  # seconds in which a rank that waits for the next order answers; a launcher kills 30 s after SIGTERM
_SLOWER = 4  # times as long as the leader another rank may take to read the texts
_AT_ONCE = 16  # batches of an evaluation that a rank computes before what came of them is sent
_I = TypeVar("_I")
_O = TypeVar("_O")
_SIGNALS = (None, "SIGINT", "SIGTERM")


class Order(IntEnum):
    """What the leader has the others do next."""

    BEGIN = 0
    UPDATE = 1
    CARRIED = 2
    EVALUATE = 3
    BUSY = 4
    END = 5
    WRITE = 6
    HOLD = 7
    WRITTEN = 8
    ANSWER = 9


_WITH_MORE = (Order.BEGIN, Order.WRITE, Order.END)


class Command(NamedTuple):
    """An order, with the step and the learning rate of an update, or what comes with it."""

    order: Order
    step: int
    rate: float
    what: Any = None


class Ranks(World):
    """One of several processes that are connected.

    Args:
        unlike: in what some round otherwise than the first.
        patience: seconds after which a process that does not come counts as hung, once a training has begun.

    Attributes:
        signal_name: the signal that this process received; the next update tells the others.
    """

    def __init__(self, unlike: tuple[Unlike, ...], patience: float) -> None:
        self.unlike, self._patience = unlike, patience
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.signal_name: str | None = None
        self._meetings = Meetings(self.rank, self.size)
        self._replicas: Replicas | None = None
        self.machines = self.collect("begin", machine_name())
        self._since = time.monotonic()  # of the last order, or of the start
        self._on_the_way: list[tuple[dist.Work, Tensor]] = []

    def parts(self, ranks: int) -> range:
        """Return the part of this process."""
        if ranks != self.size:
            raise UserError(
                f"numerics.ranks has {ranks} ranks here, and {self.size} processes train: start {ranks}, or one"
            )
        return range(self.rank, self.rank + 1)

    def begins(self, run: Path, what: Any) -> None:
        """Tell the others that a training begins."""
        # The others read the texts now, as the leader did since the last order.
        reading = self._patience + _SLOWER * (time.monotonic() - self._since)
        self._tell(Order.BEGIN, what=(run, self._patience, reading, what))
        self._meetings.watch(run, reading)

    def updates(self, step: int, rate: float) -> None:
        """Tell the others that an update begins; the others know it."""
        if self.rank == 0:
            self._tell(Order.UPDATE, step, rate)
        self._meetings.step = step + 1

    def send(self, tensor: Tensor, source: int, target: int) -> None:  # noqa: ARG002 (the part of this rank)
        """Send a tensor to the rank of another part; this returns at once."""
        with self._meetings.at("contexts"):
            work = dist.isend(tensor, target)
        assert work is not None, "this rank is of the group"
        self._on_the_way.append((work, tensor))

    def receive(self, like: Tensor, source: int, target: int) -> Tensor:  # noqa: ARG002 (the part of this rank)
        """Return the next tensor from the rank of another part."""
        with self._meetings.at("contexts"):
            work = dist.irecv(like, source)
            assert work is not None, "this rank is of the group"
            work.wait(self._meetings.patience)
        return like

    def delivered(self) -> None:
        """Wait until the other ranks have received what this one sent."""
        while self._on_the_way:
            work, _ = self._on_the_way.pop(0)
            with self._meetings.at("contexts"):
                work.wait(self._meetings.patience)

    def shard(self, model: LanguageModel, size: int) -> None:
        """Keep of a model what is this process's part, where so many hold a copy together; 0: all."""
        if self._replicas is None:  # a run that a guard takes back keeps its mode
            with self._meetings.at("begin"):
                self._replicas = Replicas(size or self.size, self._meetings.allowed)
            self._meetings.add(self._replicas.groups())
            self.keeps = self._replicas.is_first
        shard(model, self._meetings.at, self._replicas)
        self.sharded = True

    def meeting(self, what: str) -> contextlib.AbstractContextManager[None]:
        """Return what wraps a computation that all take part in where the model is sharded."""
        return self._meetings.at(what) if self.sharded else contextlib.nullcontext()

    def waited(self) -> float:
        """Return the seconds that this process has spent where all come together."""
        return self._meetings.waited

    def writes(self, states: Sequence[tuple[int, Path]]) -> None:
        """Tell the others to begin to write."""
        self.writing_is_over = False
        self._tell(Order.WRITE, what=list(states))

    def written(self) -> None:
        """Tell the others that what they wrote is collected."""
        self._tell(Order.WRITTEN)

    def holds(self) -> None:
        """Tell the others to hold; the others know it."""
        if self.rank == 0:
            self._tell(Order.HOLD)

    def busy(self) -> None:
        """Have the others go on waiting, where they might think that this process hangs."""
        if time.monotonic() - self._since > self._patience / 4:
            self._tell(Order.BUSY)

    def lost(self) -> LostError | None:
        """Ask all whether they are there still, for seconds at most; return why not."""
        self._meetings.allow(min(_ANSWERS, self._patience))
        try:
            if self.rank == 0:
                self._tell(Order.ANSWER)
            self.collect("end", None)
        except LostError as error:
            return error
        return None

    def ends(self, result: Any) -> None:
        """Tell the others that all is done; one that is gone by now changes nothing any more."""
        with contextlib.suppress(LostError):
            self._tell(Order.END, what=result)

    @property
    def has_lost(self) -> bool:
        """Whether another process is known to be gone."""
        return self._meetings.has_lost

    def close(self) -> None:
        """Write no longer where this process is."""
        self._meetings.close()

    def _tell(self, order: Order, step: int = 0, rate: float = 0.0, what: Any = None) -> None:
        with self._meetings.at("end" if order in (Order.END, Order.ANSWER) else "order"):
            dist.broadcast(torch.tensor([order, step, rate], dtype=torch.float64), 0)
            if order in _WITH_MORE:
                dist.broadcast_object_list([what], 0)
        self._since = time.monotonic()

    def listen(self) -> Command:
        """Wait for the leader, and return what to do."""
        numbers, what = torch.empty(3, dtype=torch.float64), [None]
        with self._meetings.at("order"):
            dist.broadcast(numbers, 0)
            order = Order(int(numbers[0]))
            if order in _WITH_MORE:
                dist.broadcast_object_list(what, 0)
        told: Any = what[0]
        if order == Order.BEGIN:
            run, self._patience, reading, told = told
            self._meetings.watch(run, reading)
        return Command(order, int(numbers[1]), float(numbers[2]), told)

    def evaluates(self) -> None:
        """Tell the others that an evaluation begins; the others know it."""
        if self.rank == 0:
            self._tell(Order.EVALUATE)

    def each(self, items: Iterable[_I], compute: Callable[[_I], _O]) -> Iterator[_O]:
        """Yield what comes of each item to the leader, in their order; each rank computes every so-manieth."""
        own: list[_O] = []
        count, one = 0, None  # of items whose outcomes were not sent yet
        for one in items:
            if count % self.size == self.rank:
                own.append(compute(one))
            count += 1
            if count == self.size * _AT_ONCE:
                yield from self._in_order(own, count)
                own, count = [], 0
        if self.sharded and one is not None and 0 < count % self.size <= self.rank:
            compute(one)  # the others need this rank's part of the model for theirs
        if count:
            yield from self._in_order(own, count)

    def _in_order(self, own: list[_O], count: int) -> list[_O]:
        rows: list[Any] | None = [None] * self.size if self.rank == 0 else None
        with self._meetings.at("evaluation"):
            dist.gather_object(own, rows, dst=0)
        return [] if rows is None else [rows[one % self.size][one // self.size] for one in range(count)]

    def share(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the leader's tensors, on the CPU."""
        known: list[Any] = [{name: (tuple(one.shape), one.dtype) for name, one in tensors.items()}]
        with self._meetings.at("weights"):
            dist.broadcast_object_list(known, 0)
            shared = {}
            for name, (shape, dtype) in known[0].items():
                leads = self.rank == 0
                shared[name] = tensors[name].detach().cpu().contiguous() if leads else torch.empty(shape, dtype=dtype)
                dist.broadcast(shared[name], 0)
        self._meetings.allow(self._patience)
        return shared

    def gather(self, numbers: Sequence[float]) -> list[list[float]]:
        """Return the numbers of all; with them travel the signals that were received, and who has written its part."""
        more = _SIGNALS.index(self.signal_name), self.has_written, self.cannot_write
        own = torch.tensor([*numbers, *more], dtype=torch.float64)
        everybody = [torch.empty_like(own) for _ in range(self.size)]
        with self._meetings.at("losses"):
            dist.all_gather(everybody, own)
        rows = [one.tolist() for one in everybody]
        cannot, written = [row.pop() for row in rows], [row.pop() for row in rows]
        self.writing_is_over = any(cannot) or all(written)
        received = max(int(row.pop()) for row in rows)
        self.asked_to_stop = _SIGNALS[received] or self.asked_to_stop
        return rows

    def collect(self, what: str, own: _O) -> list[_O]:
        """Return what every process gives, by rank; all get it."""
        everybody: list[Any] = [None] * self.size
        with self._meetings.at(what):
            dist.all_gather_object(everybody, own)
        return everybody

    @torch.no_grad()
    def own_gradient_norm(self, parameters: Iterable[nn.Parameter]) -> float:
        """Return the norm of this rank's own gradient; of what is sharded as it was before it was added up."""
        own = [one.grad for one in parameters if one.grad is not None and not is_sharded(one)]
        scattered = [] if self._replicas is None else self._replicas.own_norms
        norms = [*torch._foreach_norm(own), *scattered]
        scattered.clear()
        return float(torch.linalg.vector_norm(torch.stack(norms))) if norms else 0.0

    @torch.no_grad()
    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their sums over the ranks, in the order of ranks, element by element."""
        gradients = [one.grad for one in parameters if one.grad is not None and not is_sharded(one)]
        with self._meetings.at("gradients"):
            for bucket in _buckets(gradients):
                flat = torch.cat([one.reshape(-1) for one in bucket])
                added = self._added(flat)
                for one, part in zip(bucket, added.split([one.numel() for one in bucket]), strict=True):
                    one.copy_(part.view_as(one))

    def _added(self, flat: Tensor) -> Tensor:
        if self.size == 2:
            dist.all_reduce(flat)
            return flat
        count = len(flat)
        flat = nn.functional.pad(flat, (0, -count % self.size))
        dist.all_gather(list(flat.view(self.size, -1).unbind()), added(exchanged_pieces(flat)))
        return flat[:count]

    @torch.no_grad()
    def level(self, tensors: Iterable[Tensor]) -> None:
        """Write the leader's numbers over those of the others; the first copy's, of what is sharded."""
        tensors = list(tensors)
        with self._meetings.at("level"):
            _send([one for one in tensors if not is_sharded(one)])
            if self._replicas is not None and self._replicas.alike is not None:
                _send([own_part(one) for one in tensors if is_sharded(one)], self._replicas.alike)

    def rows_of_all(self, state: State | None) -> State | None:
        """Return the carried rows of all ranks on the leader; the others get None."""
        if state is None:
            return None
        if self.rank == 0:
            self._tell(Order.CARRIED)
        rows: list[Any] | None = [None] * self.size if self.rank == 0 else None
        with self._meetings.at("carried"):
            dist.gather_object({name: value.cpu() for name, value in state.items()}, rows, dst=0)
        if rows is None:
            return None
        return {name: torch.cat([row[name] for row in rows]).to(value.device) for name, value in state.items()}


def _send(tensors: Sequence[Tensor], group: dist.ProcessGroup | None = None) -> None:
    """Write the numbers of a group's first rank over those of the others."""
    for bucket in _buckets(tensors):
        flat = torch.cat([one.reshape(-1) for one in bucket])
        dist.broadcast(flat, group=group, group_src=0)
        for one, part in zip(bucket, flat.split([one.numel() for one in bucket]), strict=True):
            one.copy_(part.view_as(one))


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield the tensors in their order, as many at once as `_BUCKET` allows, of one kind and place each."""
    bucket: list[Tensor] = []
    for one in tensors:
        is_full = sum(other.numel() for other in bucket) + one.numel() > _BUCKET
        if bucket and (is_full or (bucket[0].dtype, bucket[0].device) != (one.dtype, one.device)):
            yield bucket
            bucket = []
        bucket.append(one)
    if bucket:
        yield bucket
