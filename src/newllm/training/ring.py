"""The last few states of a run in memory, so that the state before a spike is still there when the spike is seen.

A state is copied every `ring_every` steps into buffers that are made once and used in turn. Nothing here touches the
run: its bits and its trace are the same without. `benchmarks/recording_cost/ring_cost.py` measures what it costs.

Limits: at most `LARGEST` bytes and a quarter of the memory; a model of which not even one state fits has no ring.
"""

import contextlib
import dataclasses
import math
import mmap
from collections.abc import Iterator

import torch
from torch import Tensor

from newllm.machine import memory_bytes
from newllm.messages import Message, message
from newllm.training.config import RunConfig
from newllm.training.sharding import is_sharded, own_part, sharded_like
from newllm.training.snapshots import Progress, Tensors
from newllm.training.world import World

STATES = 3
LARGEST = 2 << 30  # bytes
LEAST_EVERY = 10  # steps
MOST_EVERY = 50  # steps; of few tokens, which take longer than their arithmetic
TOKENS_BETWEEN = 5000  # a copy costs about what 16 tokens of the same model cost on a CPU
_ALIGNED = 64  # bytes, as torch's own
ACCELERATED = 10  # times as many where the device is no CPU: it computes faster, and copies over a bus


def ring_every(config: RunConfig) -> int:
    """Return the steps between two states of the ring: the configuration's, or what costs well under 2 %."""
    if config.training.ring_every:
        return config.training.ring_every
    per_step = config.data.window * config.data.batch * config.training.accumulate
    every = min(MOST_EVERY, max(LEAST_EVERY, math.ceil(TOKENS_BETWEEN / per_step)))
    return every if config.numerics.device.startswith("cpu") else ACCELERATED * every


@dataclasses.dataclass(eq=False)
class Held:
    """A state in memory.

    Attributes:
        tensors: on the CPU; overwritten by a later state unless `busy`.
        progress: of the same step.
        like: of the tensors that are parts of sharded ones those, as they go on.
        busy: somebody reads the tensors.
    """

    tensors: Tensors
    progress: Progress
    like: Tensors = dataclasses.field(default_factory=dict)
    busy: bool = False

    def content(self) -> Tensors:
        """Return the tensors as they were given, sharded ones too."""
        return {
            file: {name: sharded_like(value, self.like[file].get(name)) for name, value in part.items()}
            for file, part in self.tensors.items()
        }


class Ring:
    """Holds copies of the last states, as many as there is room for.

    Args:
        world: the processes that train together, each with a ring where the model is sharded; None for this one alone.
    """

    def __init__(self, world: World | None = None) -> None:
        self._world = world or World()
        self._capacity: int | None = None  # states; known from the first one
        self._held: list[Held] = []  # oldest first

    def put(self, tensors: Tensors, progress: Progress) -> Message | None:
        """Copy a state in, in the place of the oldest that nobody reads; return what a person should know of it.

        Args:
            tensors: as `training_tensors` gives them.
            progress: of the same step; copied.
        """
        said = None
        if self._capacity is None:
            self._capacity, said = _capacity(tensors, self._world)
        place = self._allocated(_own(tensors), self._capacity)
        if place is not None:
            _copy(_own(tensors), place.tensors)
            place.progress = dataclasses.replace(progress)
            place.like = {file: dict(_sharded(part)) for file, part in tensors.items()}
            self._held.append(place)
        return said

    def steps(self) -> dict[int, Held]:
        """Return the states by step, in order."""
        return {held.progress.step: held for held in self._held}

    def _allocated(self, tensors: Tensors, capacity: int) -> Held | None:
        """Return the place for a state, taken out of the ring; None where all are read, or none fits."""
        if len(self._held) < capacity:
            return Held(_buffers(tensors), Progress())
        free = next((held for held in self._held if not held.busy), None)
        if free is None:
            return None
        self._held.remove(free)
        return free if _shapes(free.tensors) == _shapes(tensors) else Held(_buffers(tensors), Progress())


def _sharded(part: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name, value) for name, value in part.items() if is_sharded(value))


def _own(tensors: Tensors) -> Tensors:
    """Return what of these tensors is in this process."""
    return {file: {name: own_part(value) for name, value in part.items()} for file, part in tensors.items()}


def _capacity(tensors: Tensors, world: World) -> tuple[int, Message | None]:
    """Return how many states fit, into every process where each holds its part; and a notice where these are few."""
    size, limit = sum(value.nbytes for part in tensors.values() for value in part.values()), largest_bytes()
    capacity = min(STATES, limit // max(1, size))
    capacity = min(world.collect("snapshot", capacity)) if world.sharded else capacity
    if capacity == STATES:
        return capacity, None
    mebibytes = {"size": size / 2**20, "limit": limit / 2**20}
    if capacity:
        return capacity, message("notice-few_states", capacity=capacity, states=STATES, **mebibytes)
    return 0, message("notice-large_state", **mebibytes)


def largest_bytes() -> int:
    """Return how many bytes all states together may have here."""
    memory = memory_bytes()
    return LARGEST if memory is None else min(LARGEST, memory // 4)


def _buffers(tensors: Tensors) -> Tensors:
    """Return empty tensors like these on the CPU, all in one stretch of memory.

    Asked for in large pages where the system has them: a third of the time of the first copy into small ones.
    """
    whole = mmap.mmap(-1, max(1, sum(_room(value) for part in tensors.values() for value in part.values())))
    with contextlib.suppress(AttributeError, OSError):  # a system, or a kernel, without them
        whole.madvise(mmap.MADV_HUGEPAGE)
    memory, at, buffers = torch.frombuffer(whole, dtype=torch.uint8), 0, {}
    for file, part in tensors.items():
        buffers[file] = {}
        for name, value in part.items():
            buffers[file][name] = memory[at : at + value.nbytes].view(value.dtype).view(value.shape)
            at += _room(value)
    return buffers


def _room(value: Tensor) -> int:
    return -(-value.nbytes // _ALIGNED) * _ALIGNED


def _shapes(tensors: Tensors) -> dict[tuple[str, str], tuple[torch.Size, torch.dtype]]:
    return {(file, key): (value.shape, value.dtype) for file, part in tensors.items() for key, value in part.items()}


@torch.no_grad()
def _copy(tensors: Tensors, into: Tensors) -> None:
    for file, content in tensors.items():
        for name, value in content.items():
            into[file][name].copy_(value)
